package events

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
	"agentconf/server/internal/telemetry"
)

const ringing = `{"retcode":"0","event":{"eventType":"AgentState_Ready","workNo":"1287","content":{}}}`

func newService(t *testing.T) (*Service, *servicetest.Gateway) {
	g := servicetest.NewGateway(t, operation.Options{})
	metrics := prometheus.NewRegistry()
	log := slog.New(slog.DiscardHandler)
	return New(g.Runner, Options{
		Log: log, Metrics: metrics, Guard: telemetry.NewGuard(log, metrics), MaxWatches: 10, Heartbeat: time.Minute,
	}), g
}

// GetAgentEvent returns the event of a poll, byte for byte, and the GUID that the gateway
// issued with it.
func TestGetAgentEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newService(t)
		reply := ringing
		g.Play(conformance.Script{Reply: &reply, SetGUID: nextGUID})
		req := &agentconfv1.GetAgentEventRequest{AgentId: agent, Calldata: "a b&c=1"}
		got, err := s.GetAgentEvent(servicetest.Context(t), req)
		if err != nil || got.GetEvent().GetEventType() != "AgentState_Ready" || got.GetGuid() != nextGUID ||
			got.GetEvent().GetRawJson() != `{"eventType":"AgentState_Ready","workNo":"1287","content":{}}` {
			t.Errorf("%v, %v", got, err)
		}
		r := g.Only(t)
		const want = "GET /agentgateway/resource/agentevent/1287?calldata=a+b%26c%3D1"
		if r.Line != want || r.Body != "" || r.Header.Get("Guid") != servicetest.GUID {
			t.Errorf("the gateway received %+v, want %s", r, want)
		}
		time.Sleep(time.Minute) // the poll loop ends
	})
}

// A poll without an event is a success. So is an event of any shape.
func TestGetAgentEventWithoutEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newService(t)
		req := &agentconfv1.GetAgentEventRequest{AgentId: agent}
		for _, reply := range []string{`{"retcode":"0"}`, `{"retcode":"0","event":null}`} {
			g.Reply(reply)
			if got, err := s.GetAgentEvent(servicetest.Context(t), req); err != nil || got.GetEvent() != nil {
				t.Errorf("%s: %v, %v", reply, got, err)
			}
		}
		g.Reply(`{"retcode":"0","event":"text"}`)
		if got, err := s.GetAgentEvent(servicetest.Context(t), req); err != nil || got.GetEvent().GetRawJson() != `"text"` {
			t.Errorf("%v, %v", got, err)
		}
		time.Sleep(time.Minute) // the poll loop ends
	})
}

func TestGetAgentEventChecks(t *testing.T) {
	s, g := newService(t)
	req := &agentconfv1.GetAgentEventRequest{AgentId: "7", Calldata: strings.Repeat("x", 201)}
	_, err := s.GetAgentEvent(servicetest.Context(t), req)
	if e := servicetest.CheckError(t, err, outcome.InvalidArgument); len(e.Violations) != 2 {
		t.Errorf("violations %v", e.Violations)
	}
	if sent := g.Received(); len(sent) > 0 {
		t.Errorf("the gateway received %v", sent)
	}
}

// stream is the stream of a watch in memory.
type stream struct {
	grpc.ServerStream
	ctx   context.Context
	items chan *streamItem
	err   error // of every item but the first
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) Send(item *streamItem) error {
	s.items <- item
	if item.GetStarted() == nil {
		return s.err
	}
	return nil
}

// watchAt starts to watch at s until the test ends.
func watchAt(t *testing.T, s *Service, err error) (watch *stream, leave func(), ended chan error) {
	ctx, cancel := context.WithCancel(servicetest.Context(t))
	watch = &stream{ctx: ctx, items: make(chan *streamItem, maxUnread), err: err}
	ended = make(chan error, 1)
	go func() { ended <- s.WatchAgentEvents(&agentconfv1.WatchAgentEventsRequest{AgentId: agent}, watch) }()
	return watch, cancel, ended
}

// A watch polls with the GUID of its caller and streams what the polls bring, until the
// caller leaves. A GUID that has not changed is not streamed.
func TestWatchAgentEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newService(t)
		reply := ringing
		g.Play(conformance.Script{Reply: &reply, SetGUID: servicetest.GUID})
		watch, leave, ended := watchAt(t, s, nil)
		if (<-watch.items).GetStarted() == nil {
			t.Error("the first item is not the start")
		}
		for range 2 {
			if item := <-watch.items; item.GetEvent().GetReady() == nil {
				t.Errorf("item %v, want an event", item)
			}
		}
		g.Reply(`{"retcode":"100-007"}`)
		if item := <-watch.items; item.GetPollFailed().GetReason() != "GATEWAY_EXCEPTION" {
			t.Errorf("item %v, want a failure", item)
		}
		leave()
		servicetest.CheckError(t, <-ended, outcome.CallCancelled)
		for _, r := range g.Received() {
			if r.Line != "GET /agentgateway/resource/agentevent/1287" || r.Header.Get("Guid") != servicetest.GUID {
				t.Errorf("the gateway received %+v", r)
			}
		}
		time.Sleep(time.Minute) // the poll loop ends
	})
}

// A watch ends if its stream is broken, and its watcher is removed.
func TestBrokenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newService(t)
		g.Reply(ringing)
		broken := errors.New("broken")
		_, leave, ended := watchAt(t, s, broken)
		defer leave()
		if err := <-ended; err != broken {
			t.Errorf("error %v, want that of the stream", err)
		}
		if got := s.logs.consumers; got != 0 {
			t.Errorf("%d watchers", got)
		}
		time.Sleep(time.Minute) // the poll loop ends
	})
}

// A watch needs a GUID and an agent ID in range.
func TestWatchAgentEventsChecks(t *testing.T) {
	s, _ := newService(t)
	err := s.WatchAgentEvents(&agentconfv1.WatchAgentEventsRequest{AgentId: agent}, &stream{ctx: t.Context()})
	servicetest.CheckError(t, err, outcome.GUIDMissing)
	err = s.WatchAgentEvents(&agentconfv1.WatchAgentEventsRequest{AgentId: "7"}, &stream{ctx: servicetest.Context(t)})
	servicetest.CheckError(t, err, outcome.InvalidArgument)
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("guid", "two words"))
	err = s.WatchAgentEvents(&agentconfv1.WatchAgentEventsRequest{AgentId: agent}, &stream{ctx: ctx})
	servicetest.CheckError(t, err, outcome.GUIDMalformed)
	if got := len(s.logs.unproven); got != 0 {
		t.Errorf("%d agents are watched", got)
	}
}
