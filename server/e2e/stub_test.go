package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// stub implements the services behind the fronts. hold executes HoldParticipant; all other
// operations are unimplemented.
type stub struct {
	agentconfv1.UnimplementedConferenceServiceServer
	agentconfv1.UnimplementedSessionServiceServer
	agentconfv1.UnimplementedEventServiceServer
	hold func(context.Context) error
}

func (s stub) HoldParticipant(
	ctx context.Context, _ *agentconfv1.HoldParticipantRequest,
) (*agentconfv1.HoldParticipantResponse, error) {
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	return &agentconfv1.HoldParticipantResponse{Retcode: "0", Result: &structpb.Struct{}}, nil
}

func (s stub) services() app.Services {
	return app.Services{Conference: s, Session: s, Event: s, Stop: func(time.Duration) {}}
}

func holdOK(context.Context) error { return nil }

// The limits of the fronts of a stub. maxInFlight also limits the whole service.
const (
	maxInFlight  = 300
	drainTimeout = lifecycle.DefaultDrainTimeout
)

// serve starts the fronts of a stub in memory.
func serve(t *testing.T, s stub) *fronts {
	t.Helper()
	return serveAs(t, memory, s, func(*lifecycle.Options) {})
}

// serveTLS starts the fronts of a stub on n with TLS. Every handshake calls config.
func serveTLS(t *testing.T, n network, s stub, config func() *tls.Config) *fronts {
	t.Helper()
	return serveAs(t, n, s, func(o *lifecycle.Options) { o.TLS = config })
}

// serveAs starts the fronts of a stub on n. set changes the options of their lifecycle.
func serveAs(t *testing.T, n network, s stub, set func(*lifecycle.Options)) *fronts {
	t.Helper()
	leaktest.Check(t)
	f := &fronts{log: &harness.Log{}, metrics: prometheus.NewRegistry()}
	options := f.options(slog.LevelInfo)
	set(&options.Lifecycle)
	server := app.Front(options, s.services())
	f.serve(t, n, server, server)
	f.connect(t, &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return f.dialHTTP(ctx) },
		DisableKeepAlives: true,
	})
	return f
}

// awaitSettings opens the gRPC connection and waits until the client knows the server's
// limits.
func (f *fronts) awaitSettings(t *testing.T) {
	t.Helper()
	client := grpc_health_v1.NewHealthClient(f.conn)
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
}

// holdJSON sends a hold of agent 1287 with an empty body over REST.
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

// holdOverJSON is holdJSON with an error if the HTTP status is not 200.
func (f *fronts) holdOverJSON(ctx context.Context) error {
	httpStatus, err := f.holdJSON(ctx)
	if err == nil && httpStatus != http.StatusOK {
		err = fmt.Errorf("HTTP status %d, want 200", httpStatus)
	}
	return err
}
