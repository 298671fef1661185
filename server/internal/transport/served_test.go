package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/leaktest"
	"agentconf/server/internal/transport"
)

// service is one whose hold does as a test says.
type service struct {
	agentconfv1.UnimplementedConferenceServiceServer
	agentconfv1.UnimplementedSessionServiceServer
	agentconfv1.UnimplementedEventServiceServer
	hold func(context.Context) error
}

func (service) Stop(time.Duration) {}

func (s service) HoldParticipant(ctx context.Context, _ *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	return &agentconfv1.HoldParticipantResponse{Retcode: "0", Result: &structpb.Struct{}}, nil
}

// The limits of tests.
const (
	maxInFlight  = 300
	agentRate    = 400
	drainTimeout = transport.DefaultDrainTimeout
)

// served runs a service in memory until stop is called.
type served struct {
	dialHTTP dialer
	dialGRPC dialer
	grpc     *grpc.ClientConn
	http     *http.Client
	log      *lockedBuffer
	server   *transport.Server
	metrics  *prometheus.Registry
	stop     context.CancelFunc
	ended    chan error
}

func serve(t *testing.T, s service) *served {
	t.Helper()
	return serveAs(t, memory, s, transport.Config{})
}

// serveTLS does it on n, with what config returns for every handshake.
func serveTLS(t *testing.T, n network, s service, config func() *tls.Config) *served {
	t.Helper()
	return serveAs(t, n, s, transport.Config{TLS: config})
}

// serveAs does it on n, with what config says of TLS, of probes and of the end.
func serveAs(t *testing.T, n network, s service, config transport.Config) *served {
	t.Helper()
	leaktest.Check(t)
	grpcListener, dialGRPC := n.grpc(t)
	httpListener, dialHTTP := n.http(t)
	v := &served{dialHTTP: dialHTTP, dialGRPC: dialGRPC, log: &lockedBuffer{}, metrics: prometheus.NewRegistry(), ended: make(chan error, 1)}
	var ctx context.Context
	ctx, v.stop = context.WithCancel(context.Background())
	config.Log, config.Metrics = slog.New(slog.NewJSONHandler(v.log, nil)), v.metrics
	config.MaxInFlight, config.AgentRate = maxInFlight, agentRate
	v.server = transport.New(s, config)
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.ended <- v.server.Serve(ctx, grpcListener, httpListener)
	}()
	t.Cleanup(func() { v.stop(); <-done })
	v.connect(t)
	return v
}

// connect makes the clients.
func (v *served) connect(t *testing.T) {
	t.Helper()
	var err error
	v.grpc, err = grpc.NewClient("passthrough:///agentconf.test",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return v.dialGRPC(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	v.http = &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return v.dialHTTP(ctx) },
		DisableKeepAlives: true,
	}}
	t.Cleanup(func() { v.grpc.Close() })
}

// admin asks the operator's port.
func (v *served) admin(path string) (httpStatus int, body string) {
	w := httptest.NewRecorder()
	transport.Admin(v.metrics, new(slog.LevelVar), v.server.Ready()).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func (v *served) holdGRPC(ctx context.Context) error { return v.holdBy(ctx, "1287") }

func (v *served) holdBy(ctx context.Context, agentID string) error {
	_, err := agentconfv1.NewConferenceServiceClient(v.grpc).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{AgentId: agentID})
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
	_, err = io.Copy(io.Discard, resp.Body) // or the connection could not be kept
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}
