package lifecycle

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/telemetry"
)

const (
	drainDelay   = 5 * time.Second
	drainTimeout = 20 * time.Second
)

// conferences is a ConferenceService whose holds take a time.
type conferences struct {
	agentconfv1.UnimplementedConferenceServiceServer
	holdTime time.Duration
}

func (s *conferences) HoldParticipant(ctx context.Context, _ *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	select {
	case <-time.After(s.holdTime):
		return &agentconfv1.HoldParticipantResponse{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func newGuard() *telemetry.Guard {
	return telemetry.NewGuard(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

// serverFixture is a server on two ports in memory.
type serverFixture struct {
	*Server
	grpcListener, httpListener *bufconn.Listener
	client                     *grpc.ClientConn

	start        time.Time
	stop         context.CancelFunc
	served       chan error
	stopServices chan time.Duration // the time that StopServices got
	stoppedAfter time.Duration      // when StopServices was called, from start
}

// serve runs test with a server in a bubble. The JSON front answers as the gRPC one.
func serve(t *testing.T, holdTime time.Duration, test func(t *testing.T, f *serverFixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &serverFixture{
			grpcListener: bufconn.Listen(1 << 16), httpListener: bufconn.Listen(1 << 16),
			start: time.Now(), served: make(chan error, 1), stopServices: make(chan time.Duration, 1),
		}
		service := &conferences{holdTime: holdTime}
		log, metrics := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
		f.Server = New(Options{
			Log: log, Metrics: metrics, Descriptors: NewDescriptors(log, metrics), Guard: newGuard(),
			InFlight:     func() (calls, watches int) { return 3, 4 },
			Register:     func(r grpc.ServiceRegistrar) { agentconfv1.RegisterConferenceServiceServer(r, service) },
			StopServices: f.recordStop,
			Unary: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
				return h(ctx, req)
			},
			Stream: func(service any, s grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
				return h(service, s)
			},
			JSON: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				service.HoldParticipant(r.Context(), nil)
			}),
			Limits: DefaultLimits, DrainDelay: drainDelay, DrainTimeout: drainTimeout,
		})
		var ctx context.Context
		ctx, f.stop = context.WithCancel(t.Context())
		go func() { f.served <- f.Serve(ctx, f.grpcListener, f.httpListener) }()
		f.connect(t)
		t.Cleanup(f.stop)
		synctest.Wait()
		test(t, f)
	})
}

func (f *serverFixture) recordStop(within time.Duration) {
	f.stoppedAfter = time.Since(f.start)
	f.stopServices <- within
}

func (f *serverFixture) connect(t *testing.T) {
	t.Helper()
	var err error
	f.client, err = grpc.NewClient("passthrough:///agentconf.test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return f.grpcListener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.client.Close() })
}

func (f *serverFixture) hold(ctx context.Context) error {
	_, err := agentconfv1.NewConferenceServiceClient(f.client).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{})
	return err
}

// get makes a call on the JSON port.
func (f *serverFixture) get(ctx context.Context) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return f.httpListener.DialContext(ctx) },
		DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(ctx, "GET", "http://agentconf.test/", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	io.Copy(io.Discard, resp.Body)
	return resp, resp.Body.Close()
}

func (f *serverFixture) readyStatus() int {
	w := httptest.NewRecorder()
	f.Ready().ServeHTTP(w, nil)
	return w.Code
}
