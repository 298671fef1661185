package events

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
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
	first   int64 // sequence before the first event of the first watch

	mu      sync.Mutex
	polls   []poll
	results map[string]chan pollResult // by GUID
}

// poll is one poll that the service has made.
type poll struct {
	guid            string
	asked, answered time.Time
}

// inBubble runs test with a service that nothing is watched at.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{metrics: prometheus.NewRegistry(), results: map[string]chan pollResult{}}
		f.Service = &Service{watches: newWatches(f.poll, f.metrics)}
		t.Cleanup(func() {
			f.watches.endAll()
			time.Sleep(longPoll) // the polls in flight end
		})
		test(t, f)
	})
}

// poll waits for a result from answer, as long as the gateway would wait for an event.
func (f *fixture) poll(_, guid, _ string) pollResult {
	asked := time.Now()
	var result pollResult
	select {
	case result = <-f.resultsOf(guid):
	case <-time.After(longPoll):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls = append(f.polls, poll{guid, asked, time.Now()})
	return result
}

func (f *fixture) resultsOf(guid string) chan pollResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.results[guid] == nil {
		f.results[guid] = make(chan pollResult)
	}
	return f.results[guid]
}

// answered returns the polls that have been answered.
func (f *fixture) answered() []poll {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.polls
}

// answer answers the next polls that are made with guid, and returns when the service
// has taken in the results.
func (f *fixture) answer(t *testing.T, guid string, results ...pollResult) {
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
func event(eventType string) pollResult {
	return pollResult{event: &agentconfv1.PolledEvent{EventType: eventType, WorkNo: agent}}
}

// failure returns the result of a poll that failed.
func failure(k outcome.Kind) pollResult {
	return pollResult{err: k.Error(pollOperation, "The poll failed.", nil)}
}

// observer is a watcher whose queue a test reads.
type observer struct {
	fixture *fixture
	watch   *watch
	watcher *watcher
}

// enter starts to watch the agent, and returns when the first poll is in flight. The
// watcher has received its first item.
func (f *fixture) enter(t *testing.T, guid string, after *int64) *observer {
	t.Helper()
	w, me, err := f.watches.enter(agent, guid, "", after)
	if err != nil {
		t.Fatal(err)
	}
	from := (<-me.queue).GetStarted().GetLastSequence()
	synctest.Wait()
	if f.first == 0 {
		f.first = from
	}
	if after != nil && from != *after {
		t.Errorf("the watch starts after sequence %d, want %d", from, *after)
	}
	return &observer{f, w, me}
}

// refused starts to watch the agent, which must fail.
func (f *fixture) refused(t *testing.T, guid string, after *int64, want outcome.Kind) {
	t.Helper()
	_, _, err := f.watches.enter(agent, guid, "", after)
	servicetest.CheckError(t, err, want)
}

// sequence returns the sequence of the nth event of the first watch.
func (f *fixture) sequence(n int64) *int64 {
	sequence := f.first + n
	return &sequence
}

// leave ends the stream as its caller would.
func (o *observer) leave() { o.fixture.watches.leave(o.watch, o.watcher) }

// expect checks the items in the queue. The text of an item is that of describe.
func (o *observer) expect(t *testing.T, want ...string) {
	t.Helper()
	got := []string{}
	for len(o.watcher.queue) > 0 {
		got = append(got, o.fixture.describe(<-o.watcher.queue))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("items %q, want %q", got, want)
	}
}

// expectEnd checks that the stream has ended with an error of a kind, after the items.
func (o *observer) expectEnd(t *testing.T, want outcome.Kind, items ...string) {
	t.Helper()
	o.expect(t, items...)
	select {
	case _, open := <-o.watcher.queue:
		if open {
			t.Fatal("the queue has one more item")
		}
		servicetest.CheckError(t, o.watcher.err, want)
	default:
		t.Fatal("the stream has not ended")
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
	}
	return fmt.Sprint(item)
}

// The participants of the confirmations.
var (
	phone     = operation.Participant{AddressType: operation.PhoneNumber, Address: "88887946"}
	agent2002 = operation.Participant{AddressType: operation.AgentNumber, Address: "2002"}
)
