package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/transport"
)

// service is one whose hold does as a test says.
type service struct {
	agentconfv1.UnimplementedConferenceServiceServer
	hold func(context.Context) error
}

func (s service) HoldParticipant(ctx context.Context, _ *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	return &agentconfv1.HoldParticipantResponse{Retcode: "0", Result: &structpb.Struct{}}, nil
}

// served runs a service in memory until stop is called.
type served struct {
	dialHTTP dialer
	grpc     *grpc.ClientConn
	http     *http.Client
	log      *lockedBuffer
	stop     context.CancelFunc
	ended    chan error
}

func serve(t *testing.T, s service) *served {
	t.Helper()
	grpcListener, dialGRPC := listenBuffered(t)
	httpListener, dialHTTP := listenBuffered(t)
	v := &served{dialHTTP: dialHTTP, log: &lockedBuffer{}, ended: make(chan error, 1)}
	var ctx context.Context
	ctx, v.stop = context.WithCancel(context.Background())
	server := transport.New(s, slog.New(slog.NewJSONHandler(v.log, nil)))
	go func() { v.ended <- server.Serve(ctx, grpcListener, httpListener) }()
	var err error
	v.grpc, err = grpc.NewClient("passthrough:///agentconf.test",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dialGRPC(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	v.http = &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialHTTP(ctx) },
		DisableKeepAlives: true,
	}}
	t.Cleanup(func() { v.grpc.Close() })
	return v
}

func (v *served) holdGRPC(ctx context.Context) error {
	_, err := agentconfv1.NewConferenceServiceClient(v.grpc).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{AgentId: "1287"})
	return err
}

// grpcReady opens the connection and waits until the server has said its limits.
func (v *served) grpcReady() error {
	_, err := grpc_health_v1.NewHealthClient(v.grpc).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	return err
}

func (v *served) holdJSON(ctx context.Context) (httpStatus int, err error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://agentconf.test"+holdV1, strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// A panic is an error of unknown outcome on both fronts, told without its cause,
// and the service goes on. It also shows that both pass the same interceptor.
func TestPanic(t *testing.T) {
	v := serve(t, service{hold: func(context.Context) error { panic("boom") }})
	for range 2 {
		err := v.holdGRPC(t.Context())
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "boom") {
			t.Errorf("over gRPC: %v", err)
		}
		info, ok := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
		if !ok || info.GetMetadata()["outcome"] != "unknown" {
			t.Errorf("details %v", info)
		}
		if httpStatus, err := v.holdJSON(t.Context()); httpStatus != http.StatusInternalServerError || err != nil {
			t.Errorf("over JSON: HTTP status %d, %v", httpStatus, err)
		}
	}
	v.stop()
	if err := <-v.ended; err != nil {
		t.Error(err)
	}
	if got := strings.Count(v.log.String(), "panic: boom"); got != 4 {
		t.Errorf("%d panics logged, want 4:\n%s", got, v.log)
	}
}

// Every call has one line, whichever front it came by.
func TestLogLine(t *testing.T) {
	f := newFronts(t, sockets)
	refusal := `{"retcode":"101-002"}`
	f.gateway.play(gatewayScript{Reply: &refusal})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", someGUID)
	_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	})
	if status.Code(err) != codes.PermissionDenied {
		t.Fatal(err)
	}
	f.send(t, "POST", holdV1, nil)
	f.send(t, "POST", holdGateway, nil)
	lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines for three calls:\n%s", len(lines), f.log)
	}
	for _, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]any{
			"operation": "holdParticipant", "agent": "1287", "code": "PermissionDenied",
			"reason": "NOT_CHAIRPERSON", "retcode": "101-002", "outcome": "not_applied",
		} {
			if got[key] != want {
				t.Errorf("%s is %v, want %v in %s", key, got[key], want, line)
			}
		}
	}
}

func TestHealthAndReflection(t *testing.T) {
	f := newFronts(t, sockets)
	for _, name := range []string{"", "agentconf.v1.ConferenceService"} {
		answer, err := grpc_health_v1.NewHealthClient(f.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
		if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", name, answer, err)
		}
	}
	stream, err := grpc_reflection_v1.NewServerReflectionClient(f.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "agentconf.v1.ConferenceService"},
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || len(answer.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("reflection: %v, %v", answer, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if f.log.String() != "" {
		t.Errorf("logged: %s", f.log)
	}
}

func TestUnknownMethod(t *testing.T) {
	f := newFronts(t, sockets)
	for _, method := range []string{"/agentconf.v1.ConferenceService/Hold", "/agentconf.v9.X/Y"} {
		err := f.conn.Invoke(t.Context(), method, &agentconfv1.HoldParticipantRequest{}, &agentconfv1.HoldParticipantResponse{})
		st := status.Convert(err)
		if st.Code() != codes.Unimplemented || len(st.Details()) != 1 {
			t.Errorf("%s: %v with details %v", method, err, st.Details())
		}
	}
}

// More calls than one connection may have wait for their turn.
func TestStreamsOfOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		end := make(chan struct{})
		v := serve(t, service{hold: func(context.Context) error {
			running.Add(1)
			<-end
			return nil
		}})
		if err := v.grpcReady(); err != nil { // so that the limit is known
			t.Fatal(err)
		}
		const most = 250
		ended := make(chan error, most+1)
		for range most + 1 {
			go func() { ended <- v.holdGRPC(context.Background()) }()
		}
		synctest.Wait()
		if got := running.Load(); got != most {
			t.Errorf("%d calls at once, want %d", got, most)
		}
		close(end)
		for range most + 1 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}

// A request that is too large never becomes a call.
func TestTooLarge(t *testing.T) {
	called := false
	v := serve(t, service{hold: func(context.Context) error { called = true; return nil }})
	large := strings.Repeat("9", 64<<10)
	_, err := agentconfv1.NewConferenceServiceClient(v.grpc).HoldParticipant(t.Context(), &agentconfv1.HoldParticipantRequest{Address: large})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message over 64 KiB: %v", err)
	}
	if err := v.holdGRPC(metadata.AppendToOutgoingContext(t.Context(), "guid", large)); err == nil {
		t.Error("headers over 16 KiB were taken over gRPC")
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://agentconf.test"+holdV1, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", large)
	resp, err := v.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge || called {
		t.Errorf("headers over 16 KiB over HTTP: HTTP status %d, called: %v", resp.StatusCode, called)
	}
	v.stop()
	if err := <-v.ended; err != nil {
		t.Error(err)
	}
}

// Who sends slowly is not waited for.
func TestSlowSenders(t *testing.T) {
	head := "POST " + holdV1 + " HTTP/1.1\r\nHost: agentconf.test\r\n"
	for name, sent := range map[string]string{
		"header":          head,
		"body":            head + "Content-Length: 2\r\n\r\n{",
		"body of nothing": "POST /nothing HTTP/1.1\r\nHost: agentconf.test\r\nContent-Length: 2\r\n\r\n{",
		"chunk":           head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := serve(t, service{hold: func(context.Context) error { return errors.New("called") }})
				conn, err := v.dialHTTP(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, sent); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				answer, err := io.ReadAll(conn) // until the server hangs up
				if err != nil || time.Since(start) > 6*time.Second || strings.Contains(string(answer), "called") {
					t.Errorf("after %v: %s, %v", time.Since(start), answer, err)
				}
				conn.Close()
				v.stop()
				if err := <-v.ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A caller that gives up frees the gateway's connection, and the log keeps what
// is known of the outcome.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFronts(t, memory)
		f.gateway.play(gatewayScript{Fault: "stall"})
		ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "guid", someGUID))
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
		})
		<-f.gateway.hungUp
		if status.Code(err) != codes.Canceled || time.Since(start) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		synctest.Wait()
		for _, part := range []string{`"code":"Canceled"`, `"reason":"OUTCOME_UNKNOWN"`, `"outcome":"unknown"`} {
			if !strings.Contains(f.log.String(), part) {
				t.Errorf("the log lacks %s: %s", part, f.log)
			}
		}
	})
}

// A stream that would go on for ever is told to go elsewhere.
func TestStopEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serve(t, service{})
		watch, err := grpc_health_v1.NewHealthClient(v.grpc).Watch(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := watch.Recv(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		v.stop()
		if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("error %v", err)
		}
		if err := <-v.ended; err != nil || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// Calls in flight may end; then Serve returns.
func TestStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 2)
		v := serve(t, service{hold: func(context.Context) error {
			started <- struct{}{}
			time.Sleep(5 * time.Second)
			return nil
		}})
		ended := make(chan error, 2)
		go func() { ended <- v.holdGRPC(context.Background()) }()
		go func() {
			httpStatus, err := v.holdJSON(context.Background())
			if httpStatus != http.StatusOK {
				err = errors.Join(err, errors.New("not OK"))
			}
			ended <- err
		}()
		<-started
		<-started
		start := time.Now()
		v.stop()
		if err := errors.Join(<-ended, <-ended, <-v.ended); err != nil || time.Since(start) > 6*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A call that does not end is cut off.
func TestStopCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 2)
		v := serve(t, service{hold: func(ctx context.Context) error {
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}})
		ended := make(chan error, 2)
		go func() { ended <- v.holdGRPC(context.Background()) }()
		go func() {
			httpStatus, err := v.holdJSON(context.Background())
			if err == nil && httpStatus != http.StatusOK {
				err = errors.New("not OK")
			}
			ended <- err
		}()
		<-started
		<-started
		start := time.Now()
		v.stop()
		err := <-v.ended
		if err == nil || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v, want an error after 10s", err, time.Since(start))
		}
		for range 2 {
			if <-ended == nil {
				t.Error("a call that was cut off succeeded")
			}
		}
	})
}

// A front that ends before its time takes the other one with it.
func TestListenerFails(t *testing.T) {
	grpcListener, _ := listenTCP(t)
	httpListener, _ := listenTCP(t)
	httpListener.Close()
	err := transport.New(service{}, slog.New(slog.DiscardHandler)).Serve(t.Context(), grpcListener, httpListener)
	if err == nil {
		t.Error("no error")
	}
	if conn, err := net.Dial("tcp", grpcListener.Addr().String()); err == nil {
		conn.Close()
		t.Error("the gRPC listener is still open")
	}
}
