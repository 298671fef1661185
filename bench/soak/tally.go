package soak

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/bench/rig"
)

// answer is the code, reason and outcome of a call.
type answer struct {
	code            codes.Code
	reason, outcome string // empty if the client made the error
}

// answerOf returns the answer that an error of a front states.
func answerOf(err error) answer {
	s := status.Convert(err)
	a := answer{code: s.Code()}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			a.reason, a.outcome = info.GetReason(), info.GetMetadata()["outcome"]
		}
	}
	return a
}

// String returns the names of the code and the reason.
func (a answer) String() string {
	return code.Code(a.code).String() + " " + cmp.Or(a.reason, clientMade)
}

const (
	clientMade   = "(client's own)" // reason of an error that the client made
	eventMissing = "EVENT_MISSING"  // reason of the absence of an event
)

// cause is a disturbance of the processes, and the answers to which it may lead.
type cause struct {
	name     string
	explains []string
}

var gatewayRestart = cause{"the gateway was restarted", []string{
	"UNAVAILABLE GATEWAY_UNREACHABLE",
	"UNAVAILABLE CIRCUIT_OPEN",            // after several of those
	"UNKNOWN OUTCOME_UNKNOWN",             // the connection broke
	"UNAUTHENTICATED SIGN_IN_REQUIRED",    // the sessions are gone
	"FAILED_PRECONDITION NO_EVENT_SOURCE", // polls fail
	"UNKNOWN NOT_CONFIRMED",               // the session ended before the event came
	"DEADLINE_EXCEEDED NOT_CONFIRMED",     // the event is gone
	"OK " + eventMissing,                  // the event is gone
}}

var agentconfRestart = cause{"agentconf was restarted", []string{
	"UNAVAILABLE STOPPING",
	"UNAVAILABLE " + clientMade,
	"UNAUTHENTICATED GUID_STALE",      // the other agentconf knows an older session
	"DEADLINE_EXCEEDED NOT_CONFIRMED", // the last poll took the event
	"OK " + eventMissing,              // the last poll took the event
}}

// disturbance is a cause and the time in which its answers may come.
type disturbance struct {
	cause
	from, to time.Time
}

// incident is a failed call, or another fault.
type incident struct {
	operation string
	answer    answer
	text      string
	from, to  time.Time
}

// tally counts answers. It is safe for concurrent use.
type tally struct {
	mu           sync.Mutex
	calls        int
	incidents    []incident
	disturbances []disturbance

	events, guids, failedPolls int           // messages of watches
	watches, watching          int           // begun; alive at the end
	longestGap                 time.Duration // longest time of an agent without a watch
}

func (t *tally) add(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

// call counts a call that began at from and ends now.
func (t *tally) call(operation string, from time.Time, err error) {
	t.add(func() { t.calls++ })
	t.failed(operation, from, err)
}

// failed records err, unless it is nil.
func (t *tally) failed(operation string, from time.Time, err error) {
	if err != nil {
		t.note(incident{operation, answerOf(err), err.Error(), from, time.Now()})
	}
}

func (t *tally) note(x incident) { t.add(func() { t.incidents = append(t.incidents, x) }) }

func (t *tally) disturbed(d disturbance) {
	t.add(func() { t.disturbances = append(t.disturbances, d) })
}

// watchBegan counts a watch of an agent that lost its last one at lost, if ever.
func (t *tally) watchBegan(lost time.Time) {
	t.add(func() {
		t.watches++
		if !lost.IsZero() {
			t.longestGap = max(t.longestGap, time.Since(lost))
		}
	})
}

// message counts a message of a watch.
func (t *tally) message(m *agentconfv1.WatchAgentEventsResponse) {
	t.add(func() {
		switch m.GetMessage().(type) {
		case *agentconfv1.WatchAgentEventsResponse_Event:
			t.events++
		case *agentconfv1.WatchAgentEventsResponse_GuidChanged:
			t.guids++
		case *agentconfv1.WatchAgentEventsResponse_PollFailed:
			t.failedPolls++
		}
	})
}

// causeOf returns the latest cause that explains x, or "".
func (t *tally) causeOf(x incident) string {
	if x.operation == resumeOperation && x.answer.reason == "GUID_STALE" {
		return "a watch was given up with a new GUID unread"
	}
	var last disturbance
	for _, d := range t.disturbances {
		overlaps := x.from.Before(d.to) && x.to.After(d.from)
		if overlaps && d.from.After(last.from) && slices.Contains(d.explains, x.answer.String()) {
			last = d
		}
	}
	return last.name
}

// times returns how often a cause has disturbed the run.
func (t *tally) times(c cause) (n int) {
	for _, d := range t.disturbances {
		if d.name == c.name {
			n++
		}
	}
	return n
}

// unexplained returns the incidents without a cause.
func (t *tally) unexplained() (list []string) {
	for _, x := range t.incidents {
		if t.causeOf(x) == "" {
			list = append(list, fmt.Sprintf("%s %s: %v: %s", x.to.Format("15:04:05.000"), x.operation, x.answer, x.text))
		}
	}
	return list
}

// printErrors prints how often each error came of each cause.
func (t *tally) printErrors(to io.Writer) {
	counts := map[string]int{} // by row
	for _, x := range t.incidents {
		counts[fmt.Sprintf("%s\t%v\t%s", cmp.Or(t.causeOf(x), "NONE"), x.answer, cmp.Or(x.answer.outcome, "-"))]++
	}
	rows := slices.Sorted(maps.Keys(counts))
	rig.PrintTable(to, "errors", "cause\terror\toutcome\tcount\t", rows, func(row string) string {
		return fmt.Sprintf("%s\t%d\t", row, counts[row])
	})
}
