package faults

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"agentconf/emulator"
	"agentconf/emulator/proxy"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/signal"
)

// poll is the operation getAgentEvent.
var poll = operations[len(operations)-1]

// pollFaults are faults of the poll that takes an event.
var pollFaults = map[string]emulator.Fault{
	"closed with the event": *closeBeforeReply,
	"closed in the event":   *closeInBody,
	"reset with the event":  {Connection: "reset", Applied: true},
	"rejected with 503":     {Status: 503},
	"malformed":             {Body: "<html></html>", Applied: true},
	"late":                  {Delay: shortDelay},
}

// Under each fault of a poll, the consumers of an agent fare alike: a watch, a watch that was
// away, and a program that polls. Each receives the event, or a notice of a possible loss. Each
// receives the event after it. The quiet watch has heartbeats afterwards.
func TestConsumers(t *testing.T) {
	for name, f := range pollFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestbed(t, &fault{name: name, deadline: longTimeout}, proxy.Plaintext)
			a := b.newConsumedAgent()
			watch := a.watch(nil)
			a.do(hold) // the watch has the session accepted
			first := watch.next()
			desk := a.poll(context.Background())
			away := a.watch(nil)
			away.leave()
			f.Operation, f.AgentID, f.EventType = poll.name, a.agent, participantChanged
			if err := b.gateway.SetFault(f); err != nil {
				t.Fatal(err)
			}
			a.do(unhold)
			told := watch.fate()
			sequence := first.GetSequence()
			if got := a.watch(&sequence).fate(); got != told {
				t.Errorf("a watch that came back: %s, want %s", got, told)
			}
			if got := (<-desk).fate(); got != told {
				t.Errorf("the program that polls: %s, want %s", got, told)
			}
			watch.heartbeat()
			next := a.poll(context.Background())
			a.do(hold)
			if got := (<-next).fate(); got != "event" {
				t.Errorf("the poll after it: %s, want an event", got)
			}
			if got := watch.fate(); got != "event" {
				t.Errorf("the watch after it: %s, want an event", got)
			}
		})
	}
}

// A program leaves while its poll waits at the gateway. Its next poll returns the event, which
// the gateway hands out once.
func TestCallerLeavesPoll(t *testing.T) {
	b := newTestbed(t, &fault{name: "caller leaves a poll", deadline: longTimeout}, proxy.Plaintext)
	a := b.newConsumedAgent()
	proof := a.poll(context.Background()) // only polls of an accepted session are kept
	a.do(hold)
	left := (<-proof).call
	before := effectOf(left.key(), b.gateway.records())
	arrived, release := signal.New(), signal.New()
	b.withHook(func(_ gatewayRequest, handle func()) {
		arrived.Set()
		<-release.IsSet
		handle()
	}, func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := a.poll(ctx)
		if !signal.Within(longTimeout, arrived.IsSet) {
			t.Error("no poll has reached the gateway")
		}
		cancel()
		left = (<-done).call
		// An answer that agentconf gives before it notices would be lost on its way.
		for end := time.Now().Add(longTimeout); !strings.Contains(b.log.String(), "CALL_CANCELLED") && time.Now().Before(end); {
			runtime.Gosched()
		}
		a.do(unhold)
		release.Set()
	})
	if got := (<-a.poll(context.Background())).fate(); got != "event" {
		t.Errorf("the next poll: %s, want the event", got)
	}
	b.shutDown()
	e := effectOf(left.key(), b.gateway.records())
	e.requests, e.applied = e.requests-before.requests, e.applied-before.applied
	if m := kept.mismatch(e); m != "" {
		t.Error(m)
	}
	if !strings.Contains(b.log.String(), "CALL_CANCELLED") {
		t.Errorf("the poll was not reported as kept: %s", &b.log)
	}
}

// consumedAgent is an agent in a conference, whose events a test consumes.
type consumedAgent struct {
	*testbed
	agent, guid string
}

func (b *testbed) newConsumedAgent() *consumedAgent {
	agent, guid, err := b.gateway.newAgent(hold)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.shutDown)
	return &consumedAgent{b, agent, guid}
}

// do makes the gateway emit the event of op.
func (a *consumedAgent) do(op operation) {
	a.t.Helper()
	r := emulator.Request{Operation: strings.ToLower(op.name), AgentID: a.agent, GUID: a.guid, Body: []byte(op.body)}
	if _, retcode := a.gateway.Do(r); retcode != "0" {
		a.t.Fatalf("%s: retcode %s", op.name, retcode)
	}
}

// pollResult is the result of a call of GetAgentEvent.
type pollResult struct{ call *call }

// poll makes a call of GetAgentEvent.
func (a *consumedAgent) poll(ctx context.Context) <-chan pollResult {
	op := poll
	op.contents = []string{participantChanged}
	c := &call{op: op, front: grpcFront, agent: a.agent, guid: a.guid, deadline: longTimeout, abandoned: true}
	done := make(chan pollResult, 1)
	go func() {
		a.executeAlone(ctx, c)
		done <- pollResult{c}
	}()
	return done
}

func (r pollResult) fate() string {
	switch r.call.reported {
	case applied:
		return "event"
	case unknown:
		return "told"
	}
	return r.call.text
}

// watchedAgent is a watch of an agent.
type watchedAgent struct {
	t      *testing.T
	agent  *consumedAgent
	stream agentconfv1.EventService_WatchAgentEventsClient
	leave  context.CancelFunc
	missed bool // started says that events are missing
}

// watch starts a watch.
func (a *consumedAgent) watch(after *int64) *watchedAgent {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "guid", a.guid), 2*longTimeout)
	a.t.Cleanup(cancel)
	stream, err := agentconfv1.NewEventServiceClient(a.client.grpc).WatchAgentEvents(ctx,
		&agentconfv1.WatchAgentEventsRequest{AgentId: a.agent, AfterSequence: after})
	if err != nil {
		a.t.Fatal(err)
	}
	w := &watchedAgent{t: a.t, agent: a, stream: stream, leave: cancel}
	w.missed = w.recv().GetStarted().GetEventsMissing()
	return w
}

func (w *watchedAgent) recv() *agentconfv1.WatchAgentEventsResponse {
	w.t.Helper()
	item, err := w.stream.Recv()
	if err != nil {
		w.t.Fatal(err)
	}
	if changed := item.GetGuidChanged(); changed != nil {
		w.agent.guid = changed.GetGuid() // every poll brings one
	}
	return item
}

// next returns the next event.
func (w *watchedAgent) next() *agentconfv1.AgentEvent {
	w.t.Helper()
	for {
		if e := w.recv().GetEvent(); e != nil {
			return e
		}
	}
}

// fate returns "event" if the watch receives one, or "told" if it learns that one may be lost.
func (w *watchedAgent) fate() string {
	w.t.Helper()
	if w.missed {
		return "told"
	}
	for {
		item := w.recv()
		switch {
		case item.GetEvent() != nil:
			return "event"
		case item.GetPollFailed().GetEventMayBeLost():
			return "told"
		}
	}
}

// heartbeat returns when the watch receives a heartbeat.
func (w *watchedAgent) heartbeat() {
	w.t.Helper()
	for w.recv().GetHeartbeat() == nil {
	}
}
