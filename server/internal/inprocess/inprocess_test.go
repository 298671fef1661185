package inprocess_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"agentconf/internal/leaktest"
	"agentconf/server/internal/inprocess"
)

// healthService is a service with a unary method and a server stream.
type healthService struct {
	grpc_health_v1.UnimplementedHealthServer
	check func(context.Context) error
	watch func(grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error
}

// Check replies SERVING if the request names the service "front".
func (s healthService) Check(ctx context.Context, req *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return reply(req), nil
}

// Watch sends what Check replies, and then does what the test wants.
func (s healthService) Watch(req *grpc_health_v1.HealthCheckRequest, stream grpc_health_v1.Health_WatchServer) error {
	if err := s.check(stream.Context()); err != nil {
		return err
	}
	if err := stream.Send(reply(req)); err != nil {
		return err
	}
	return s.watch(stream)
}

func reply(req *grpc_health_v1.HealthCheckRequest) *grpc_health_v1.HealthCheckResponse {
	r := &grpc_health_v1.HealthCheckResponse{}
	if req.GetService() == "front" {
		r.Status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	return r
}

// typedError is an error that gRPC would reduce to its status.
type typedError struct{ part string }

func (e *typedError) Error() string { return e.part }

var request = &grpc_health_v1.HealthCheckRequest{Service: "front"}

// connect returns a client of service, and the full methods that the interceptors see.
func connect(t *testing.T, service healthService) (client grpc_health_v1.HealthClient, intercepted *[]string) {
	t.Helper()
	leaktest.Check(t)
	if service.check == nil {
		service.check = func(context.Context) error { return nil }
	}
	if service.watch == nil {
		service.watch = func(grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error { return nil }
	}
	intercepted = &[]string{}
	conn := inprocess.New(
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			*intercepted = append(*intercepted, info.FullMethod)
			return handler(ctx, req)
		},
		func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			*intercepted = append(*intercepted, info.FullMethod)
			return handler(service, stream)
		})
	grpc_health_v1.RegisterHealthServer(conn, service)
	return grpc_health_v1.NewHealthClient(conn), intercepted
}

func checkIntercepted(t *testing.T, intercepted []string, want string) {
	t.Helper()
	if len(intercepted) != 1 || intercepted[0] != want {
		t.Errorf("the interceptors saw %v, want %s once", intercepted, want)
	}
}

func TestUnaryCall(t *testing.T) {
	client, intercepted := connect(t, healthService{})
	got, err := client.Check(t.Context(), request)
	if err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("reply %v, %v, want SERVING", got, err)
	}
	checkIntercepted(t, *intercepted, grpc_health_v1.Health_Check_FullMethodName)
}

func TestStreamCall(t *testing.T) {
	client, intercepted := connect(t, healthService{})
	stream, err := client.Watch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Errorf("Header: %v", err)
	}
	got, err := stream.Recv()
	if err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("message %v, %v, want SERVING", got, err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the stream ends with %v, want EOF", err)
	}
	checkIntercepted(t, *intercepted, grpc_health_v1.Health_Watch_FullMethodName)
}

// The service sees the caller's incoming metadata and the values of its context.
func TestContextIsTheCallers(t *testing.T) {
	type key struct{}
	var seen []context.Context
	client, _ := connect(t, healthService{check: func(ctx context.Context) error {
		seen = append(seen, ctx)
		return nil
	}})
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("guid", "279fe21d"))
	ctx = context.WithValue(ctx, key{}, "value")
	if _, err := client.Check(ctx, request); err != nil {
		t.Fatal(err)
	}
	stream, err := client.Watch(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if len(seen) != 2 {
		t.Fatalf("the service was called %d times, want 2", len(seen))
	}
	for _, ctx := range seen {
		if got := metadata.ValueFromIncomingContext(ctx, "guid"); len(got) != 1 || got[0] != "279fe21d" || ctx.Value(key{}) != "value" {
			t.Errorf("metadata %v and value %v in the service's context", got, ctx.Value(key{}))
		}
	}
}

// An error keeps its type: of a unary call, of a stream before its first message, and
// of a stream after it.
func TestErrorsKeepTheirType(t *testing.T) {
	rejects := healthService{check: func(context.Context) error { return &typedError{"rejected"} }}
	client, _ := connect(t, rejects)
	if _, err := client.Check(t.Context(), request); !isTyped(err, "rejected") {
		t.Errorf("Check returns %#v", err)
	}
	stream, err := client.Watch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); !isTyped(err, "rejected") {
		t.Errorf("Header returns %#v", err)
	}
	if _, err := stream.Recv(); !isTyped(err, "rejected") {
		t.Errorf("Recv returns %#v", err)
	}

	client, _ = connect(t, healthService{watch: func(grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
		return &typedError{"ended"}
	}})
	stream, err = client.Watch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Errorf("the first message: %v", err)
	}
	if _, err := stream.Recv(); !isTyped(err, "ended") {
		t.Errorf("the end of the stream is %#v", err)
	}
}

func isTyped(err error, part string) bool {
	typed, ok := errors.AsType[*typedError](err)
	return ok && typed.part == part
}

// A service that sends to a client that has left gets CANCELED. No goroutine remains.
func TestClientLeaves(t *testing.T) {
	result := make(chan error, 1)
	client, _ := connect(t, healthService{watch: func(stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
		err := stream.Send(&grpc_health_v1.HealthCheckResponse{})
		result <- err
		return err
	}})
	ctx, leave := context.WithCancel(t.Context())
	stream, err := client.Watch(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := <-result; status.Code(err) != codes.Canceled {
		t.Errorf("the service sends with %v, want CANCELED", err)
	}
}

// Sending waits for the client, so that a slow client slows the service down.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client, _ := connect(t, healthService{watch: func(stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
			for range 3 {
				sent++
				if err := stream.Send(&grpc_health_v1.HealthCheckResponse{}); err != nil {
					return err
				}
			}
			return nil
		}})
		stream, err := client.Watch(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		for received := range 4 {
			synctest.Wait()
			if sent != received {
				t.Errorf("%d messages are sent after %d received", sent, received)
			}
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := stream.Recv(); err != io.EOF {
			t.Errorf("the stream ends with %v, want EOF", err)
		}
	})
}

// Methods without a service, and streams of the client, are UNIMPLEMENTED.
func TestUnknownMethod(t *testing.T) {
	pass := func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return handler(service, stream)
	}
	conn := inprocess.New(nil, pass)
	empty := grpc_health_v1.NewHealthClient(conn)
	if _, err := empty.Check(t.Context(), request); status.Code(err) != codes.Unimplemented {
		t.Errorf("a unary call: %v", err)
	}
	if _, err := empty.Watch(t.Context(), request); status.Code(err) != codes.Unimplemented {
		t.Errorf("a stream: %v", err)
	}
	grpc_health_v1.RegisterHealthServer(conn, healthService{})
	uploads := &grpc.StreamDesc{ClientStreams: true}
	if _, err := conn.NewStream(t.Context(), uploads, grpc_health_v1.Health_Watch_FullMethodName); status.Code(err) != codes.Unimplemented {
		t.Errorf("a stream of the client: %v", err)
	}
}
