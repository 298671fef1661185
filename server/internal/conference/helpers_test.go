package conference_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/conference"
	"agentconf/server/internal/events"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/servicetest"
	"agentconf/server/internal/telemetry"
)

// fixture is a ConferenceService in front of a scripted gateway.
type fixture struct {
	*conference.Service
	gateway *servicetest.Gateway
	events  *events.Service
}

func newFixture(t *testing.T) *fixture { return newLimitedFixture(t, 0) }

// newLimitedFixture returns a service with a limit of requests in a second.
func newLimitedFixture(t *testing.T, rate int) *fixture {
	g := servicetest.NewGateway(t, operation.Options{AgentRate: rate})
	log, metrics := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	e := events.New(g.Runner, events.Options{
		Log: log, Metrics: metrics, Guard: telemetry.NewGuard(log, metrics), MaxWatches: 10, Heartbeat: time.Minute,
	})
	return &fixture{conference.New(g.Runner, e), g, e}
}

// call calls an RPC by its name with a request in JSON.
func (f *fixture) call(ctx context.Context, rpc, request string) (proto.Message, error) {
	for _, m := range agentconfv1.ConferenceService_ServiceDesc.Methods {
		if m.MethodName == rpc {
			resp, err := m.Handler(f.Service, ctx, func(req any) error {
				return protojson.Unmarshal([]byte(request), req.(proto.Message))
			}, nil)
			if err != nil {
				return nil, err
			}
			return resp.(proto.Message), nil
		}
	}
	panic("no RPC " + rpc)
}

// isPoll reports whether a request of the service is a poll.
func isPoll(r conformance.Request) bool { return strings.Contains(r.Line, "/agentevent/") }

// watched runs test in a bubble with agent 1287 watched.
func watched(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	watchedWith(t, 0, test)
}

// watchedWith is watched with a limit of requests in a second.
func watchedWith(t *testing.T, rate int, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newLimitedFixture(t, rate)
		f.script(conformance.DocumentedReply, "")
		ctx, leave := context.WithCancel(servicetest.Context(t))
		go f.events.WatchAgentEvents(&agentconfv1.WatchAgentEventsRequest{AgentId: "1287"}, watchStream{ctx: ctx})
		synctest.Wait()
		f.gateway.Received()
		test(t, f)
		leave()
		time.Sleep(time.Minute) // the poll loop ends
	})
}

// watchStream is the stream of a watch whose caller drops every item.
type watchStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s watchStream) Context() context.Context                       { return s.ctx }
func (watchStream) Send(*agentconfv1.WatchAgentEventsResponse) error { return nil }

// script makes the gateway answer every operation with a reply, and the poll after it
// with an event, if there is one. Other polls find none.
func (f *fixture) script(reply, event string) {
	pending := false
	f.gateway.PlayEach(func(r conformance.Request) conformance.Script {
		found := `{"retcode":"0"}`
		switch {
		case !isPoll(r):
			pending = event != ""
			return conformance.Script{Reply: &reply}
		case pending:
			found = `{"retcode":"0","event":` + event + `}`
			pending = false
		}
		return conformance.Script{Reply: &found}
	})
}

// changed returns the event of a change of the phone 88887946.
func changed(change events.Change, result int) string {
	return fmt.Sprintf(`{"eventType":"AgentConf_ParticipantChanged","workNo":"1287","content":`+
		`{"confId":1031168,"participant":"88887946","participantType":6,"changeType":%d,"result":%d}}`, change, result)
}

// sent returns the requests since the last call without the polls.
func (f *fixture) sent() (operations []string) {
	for _, r := range f.gateway.Received() {
		if !isPoll(r) {
			operations = append(operations, r.Line)
		}
	}
	return operations
}
