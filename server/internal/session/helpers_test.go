package session_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/events"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/servicetest"
	"agentconf/server/internal/session"
	"agentconf/server/internal/telemetry"
)

const issuedGUID = "issued.AgentGateway1"

// fixture is a SessionService in front of a scripted gateway.
type fixture struct {
	*session.Service
	gateway *servicetest.Gateway
	events  *events.Service
}

func newFixture(t *testing.T) *fixture {
	g := servicetest.NewGateway(t, operation.Options{})
	log, metrics := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	e := events.New(g.Runner, events.Options{
		Log: log, Metrics: metrics, Guard: telemetry.NewGuard(log, metrics), MaxWatches: 10, Heartbeat: time.Minute,
	})
	g.Runner.OnGUID(e.RenewGUID)
	return &fixture{session.New(g.Runner, e), g, e}
}

// checkRequest checks the one request that the gateway has received.
func (f *fixture) checkRequest(t *testing.T, line, body, guid string) {
	t.Helper()
	r := f.gateway.Only(t)
	if r.Line != line || r.Body != body || r.Header.Get("Guid") != guid {
		t.Errorf("the gateway received %+v, want %s with %q and the GUID %q", r, line, body, guid)
	}
}

// watchStream is the stream of a watch. Its items come out of a channel.
type watchStream struct {
	grpc.ServerStream
	ctx   context.Context
	items chan *agentconfv1.WatchAgentEventsResponse
}

func (s watchStream) Context() context.Context { return s.ctx }

func (s watchStream) Send(item *agentconfv1.WatchAgentEventsResponse) error {
	s.items <- item
	return nil
}

// watch starts to watch agent 1287. Its GUID is proven when the first poll has been
// answered.
func (f *fixture) watch(t *testing.T) (items chan *agentconfv1.WatchAgentEventsResponse, leave func(), ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(servicetest.Context(t))
	items, ended = make(chan *agentconfv1.WatchAgentEventsResponse, 10), make(chan error, 1)
	go func() {
		ended <- f.events.WatchAgentEvents(&agentconfv1.WatchAgentEventsRequest{AgentId: "1287"}, watchStream{ctx: ctx, items: items})
	}()
	return items, cancel, ended
}
