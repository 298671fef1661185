package events

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
	"agentconf/server/internal/telemetry"
)

const (
	agent     = "1287"
	firstGUID = "first.AgentGateway1"
	nextGUID  = "next.AgentGateway1"
	wrongGUID = "wrong.AgentGateway1"
)

// fixture is a service whose polls a test answers, in a bubble.
type fixture struct {
	*Service
	metrics *prometheus.Registry
	records bytes.Buffer // of the log
	first   int64        // sequence before the first event of the first log

	mu      sync.Mutex
	polls   []fakePoll                 // that were answered
	results map[string]chan pollAnswer // by GUID
}

// fakePoll is one poll that the service has made.
type fakePoll struct {
	pollRequest
	asked, answered time.Time
	cancelled       bool
}

// fakePolls makes the polls of one log.
type fakePolls struct {
	fixture *fixture
	ctx     context.Context
	poll    fakePoll
	result  pollAnswer
}

// inBubble runs test with a service that nothing is watched at.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	inBubbleWith(t, Options{MaxWatches: 100, Heartbeat: 15 * time.Second}, test)
}

func inBubbleWith(t *testing.T, options Options, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{metrics: prometheus.NewRegistry(), results: map[string]chan pollAnswer{}}
		options.Log, options.Metrics = slog.New(slog.NewTextHandler(&f.records, nil)), f.metrics
		options.Guard = telemetry.NewGuard(options.Log, f.metrics)
		f.Service = &Service{logs: newLogs(func() polls { return &fakePolls{fixture: f} }, options)}
		t.Cleanup(func() {
			f.logs.stop() // ends idle logs, even one whose poller a test has left behind
			f.logs.endAll()
			time.Sleep(longPoll) // the polls in flight end
		})
		test(t, f)
	})
}

func (p *fakePolls) send(ctx context.Context, req pollRequest) {
	p.ctx, p.poll, p.result = ctx, fakePoll{pollRequest: req, asked: time.Now()}, pollAnswer{}
}

// await waits for a result from fixture.answer, as long as the gateway would wait for an event.
func (p *fakePolls) await() {
	select {
	case p.result = <-p.fixture.resultsOf(p.poll.guid):
	case <-time.After(longPoll):
	case <-p.ctx.Done():
		p.result = failure(outcome.AnswerAbandoned)
	}
	p.poll.answered, p.poll.cancelled = time.Now(), p.ctx.Err() != nil
}

func (p *fakePolls) answer() pollAnswer {
	p.fixture.mu.Lock()
	p.fixture.polls = append(p.fixture.polls, p.poll)
	p.fixture.mu.Unlock()
	if p.result.event == panicking {
		panic("a value that must not be logged")
	}
	return p.result
}

// panicking is the event of an answer with which the poll panics.
const panicking = "panic"

func (f *fixture) resultsOf(guid string) chan pollAnswer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.results[guid] == nil {
		f.results[guid] = make(chan pollAnswer)
	}
	return f.results[guid]
}

// answered returns the polls that have been answered.
func (f *fixture) answered() []fakePoll {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.polls
}

// answer answers the next polls that are made with guid, and returns when the service
// has taken in the results.
func (f *fixture) answer(t *testing.T, guid string, results ...pollAnswer) {
	t.Helper()
	for _, result := range results {
		select {
		case f.resultsOf(guid) <- result:
		case <-time.After(time.Minute):
			t.Fatalf("no poll with the GUID %s", guid)
		}
		synctest.Wait()
	}
}

// event returns the result of a poll that found an event.
func event(eventType string) pollAnswer {
	return pollAnswer{event: fmt.Sprintf(`{"eventType":%q,"workNo":%q,"content":null}`, eventType, agent)}
}

// failure returns the result of a poll that failed.
func failure(k outcome.Kind) pollAnswer {
	return pollAnswer{err: k.Error(pollOperation, "The poll failed.", nil)}
}

// observer is a watch whose items a test reads.
type observer struct {
	fixture *fixture
	*consumer
	items   chan *streamItem
	stalled chan struct{} // closed when the caller reads again; nil if it always reads
	cancel  context.CancelFunc
	ended   chan error // of one error, when the stream has ended
}

// Send is that of the stream to the caller.
func (o *observer) Send(item *streamItem) error {
	if o.stalled != nil && item.GetStarted() == nil {
		<-o.stalled
	}
	o.items <- item
	return nil
}

// enter starts to watch the agent, and returns when the first poll is in flight. The
// watcher has received its first item.
func (f *fixture) enter(t *testing.T, guid string, after *int64) *observer {
	t.Helper()
	return f.observe(t, &observer{}, agent, guid, after)
}

func (f *fixture) observe(t *testing.T, o *observer, agentID, guid string, after *int64) *observer {
	t.Helper()
	c, first, err := f.logs.enter(agentID, caller{guid: guid}, after)
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	o.fixture, o.consumer, o.items, o.ended = f, c, make(chan *streamItem, 10000), make(chan error, 1)
	ctx, o.cancel = context.WithCancel(t.Context())
	go func() {
		defer c.leave()
		o.ended <- c.run(ctx, first, o)
	}()
	start := (<-o.items).GetStarted()
	synctest.Wait()
	if f.first == 0 {
		f.first = start.GetLastSequence()
	}
	if after != nil && !start.GetEventsMissing() && start.GetLastSequence() != *after {
		t.Errorf("the watch starts after sequence %d, want %d", start.GetLastSequence(), *after)
	}
	return o
}

// missing starts to watch the agent after a sequence that is not kept.
func (f *fixture) missing(t *testing.T, guid string, after *int64) {
	t.Helper()
	c, first, err := f.logs.enter(agent, caller{guid: guid}, after)
	if err != nil {
		t.Fatal(err)
	}
	if !first[0].GetStarted().GetEventsMissing() {
		t.Errorf("the watch after sequence %d misses no events", *after-f.first)
	}
	c.leave()
	synctest.Wait()
}

// refused starts to watch the agent, which must fail.
func (f *fixture) refused(t *testing.T, guid string, want outcome.Kind) {
	t.Helper()
	_, _, err := f.logs.enter(agent, caller{guid: guid}, nil)
	servicetest.CheckError(t, err, want)
}

// prove makes the agent's log a live one without a consumer.
func (f *fixture) prove(t *testing.T, guid string) {
	t.Helper()
	o := f.enter(t, guid, nil)
	f.answer(t, guid, pollAnswer{})
	o.leave()
	time.Sleep(pollPause)
	synctest.Wait()
}

// sequence returns the sequence of the nth event of the first watch.
func (f *fixture) sequence(n int64) *int64 {
	sequence := f.first + n
	return &sequence
}

// leave ends the stream as its caller would.
func (o *observer) leave() {
	o.cancel()
	synctest.Wait()
}

// received returns the texts of the items that the caller has received, by describe.
func (o *observer) received() []string {
	synctest.Wait()
	got := []string{}
	for len(o.items) > 0 {
		got = append(got, o.fixture.describe(<-o.items))
	}
	return got
}

// expect checks the items that the caller has received.
func (o *observer) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := o.received(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("items %q, want %q", got, want)
	}
}

// expectEnd checks that the stream has ended with an error of a kind, after the items.
func (o *observer) expectEnd(t *testing.T, want outcome.Kind, items ...string) *outcome.Error {
	t.Helper()
	o.expect(t, items...)
	select {
	case err := <-o.ended:
		return servicetest.CheckError(t, err, want)
	default:
		t.Fatal("the stream has not ended")
		return nil
	}
}

// describe returns a text for an item. An event has its number in the first watch.
func (f *fixture) describe(item *streamItem) string {
	switch m := item.GetMessage().(type) {
	case *agentconfv1.WatchAgentEventsResponse_Event:
		return fmt.Sprintf("%d %s", m.Event.GetSequence()-f.first, m.Event.GetEventType())
	case *agentconfv1.WatchAgentEventsResponse_GuidChanged:
		return "GUID " + m.GuidChanged.GetGuid()
	case *agentconfv1.WatchAgentEventsResponse_PollFailed:
		if m.PollFailed.GetEventMayBeLost() {
			return "failed, an event may be lost: " + m.PollFailed.GetReason()
		}
		return "failed: " + m.PollFailed.GetReason()
	case *agentconfv1.WatchAgentEventsResponse_PollRecovered:
		return "recovered"
	case *agentconfv1.WatchAgentEventsResponse_Heartbeat:
		return "heartbeat"
	}
	return fmt.Sprint(item)
}

// The participants of the confirmations.
var (
	phone     = operation.Participant{AddressType: operation.PhoneNumber, Address: "88887946"}
	agent2002 = operation.Participant{AddressType: operation.AgentNumber, Address: "2002"}
)

// pollAtDesk makes one call of GetAgentEvent, and returns when a poll is in flight.
func (f *fixture) pollAtDesk(t *testing.T, guid string) (answered chan pollAnswer) {
	t.Helper()
	call, err := f.logs.enterDesk(agent, caller{guid: guid}, "")
	if err != nil {
		t.Fatal(err)
	}
	answered = make(chan pollAnswer, 1)
	go func() {
		answer := f.logs.wait(t.Context(), call)
		f.logs.leaveDesk(call)
		answered <- answer
	}()
	synctest.Wait()
	return answered
}

func (f *fixture) agentCount() int {
	f.logs.mu.Lock()
	defer f.logs.mu.Unlock()
	return len(f.logs.proven) + len(f.logs.unproven)
}
