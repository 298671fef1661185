package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/leaktest"
	"agentconf/server/e2e/harness"
	"agentconf/server/internal/app"
	"agentconf/server/internal/lifecycle"
)

// stub is a service whose hold is a function of the test.
type stub struct {
	agentconfv1.UnimplementedConferenceServiceServer
	agentconfv1.UnimplementedSessionServiceServer
	agentconfv1.UnimplementedEventServiceServer
	hold func(context.Context) error
}

func (s stub) HoldParticipant(ctx context.Context, _ *agentconfv1.HoldParticipantRequest) (*agentconfv1.HoldParticipantResponse, error) {
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	return &agentconfv1.HoldParticipantResponse{Retcode: "0", Result: &structpb.Struct{}}, nil
}

func (s stub) services() app.Services {
	return app.Services{Conference: s, Session: s, Event: s, Stop: func(time.Duration) {}}
}

// The limits of a stub.
const (
	maxInFlight  = 300
	agentRate    = 400
	drainTimeout = lifecycle.DefaultDrainTimeout
)

// serve starts the fronts of a stub in memory.
func serve(t *testing.T, s stub) *fronts {
	t.Helper()
	return serveAs(t, memory, s, func(*lifecycle.Options) {})
}

// serveTLS starts them on n. config is called for every handshake.
func serveTLS(t *testing.T, n network, s stub, config func() *tls.Config) *fronts {
	t.Helper()
	return serveAs(t, n, s, func(o *lifecycle.Options) { o.TLS = config })
}

// serveAs starts them on n with the options that set changes.
func serveAs(t *testing.T, n network, s stub, set func(*lifecycle.Options)) *fronts {
	t.Helper()
	leaktest.Check(t)
	f := &fronts{log: &harness.Log{}, metrics: prometheus.NewRegistry()}
	options := f.options(slog.LevelInfo)
	options.Calls.AgentRate = agentRate
	set(&options.Lifecycle)
	server := app.Front(options, s.services())
	f.serve(t, n, server, server)
	f.connect(t, &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return f.dialHTTP(ctx) },
		DisableKeepAlives: true,
	})
	return f
}

func (f *fronts) holdGRPC(ctx context.Context) error { return f.holdBy(ctx, "1287") }

func (f *fronts) holdBy(ctx context.Context, agentID string) error {
	_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{AgentId: agentID})
	return err
}

// grpcReady opens the connection and waits until the server has sent its limits.
func (f *fronts) grpcReady() error {
	_, err := grpc_health_v1.NewHealthClient(f.conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	return err
}

func (f *fronts) holdJSON(ctx context.Context) (httpStatus int, err error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://agentconf.test"+holdV1, strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	resp, err := f.http.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}
