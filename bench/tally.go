//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// answer is what the caller of an operation was told.
type answer struct {
	code            codes.Code
	reason, outcome string // empty if the client made the error
}

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

// String names the answer as the README does.
func (a answer) String() string {
	return code.Code(a.code).String() + " " + cmp.Or(a.reason, ownError)
}

// ownError stands for the reason of an error that the client made.
const ownError = "(client's own)"

// cause is something that is done to the processes, and the answers that may come of
// it.
type cause struct {
	name     string
	explains []string
}

var gatewayRestart = cause{"the gateway was restarted", []string{
	"UNAVAILABLE GATEWAY_UNREACHABLE",
	"UNAVAILABLE CIRCUIT_OPEN",            // after several of those
	"UNKNOWN OUTCOME_UNKNOWN",             // the connection was cut
	"UNAUTHENTICATED SIGN_IN_REQUIRED",    // its sessions are gone
	"FAILED_PRECONDITION NO_EVENT_SOURCE", // polls fail
	"UNKNOWN NOT_CONFIRMED",               // the session ended before the event came
	"DEADLINE_EXCEEDED NOT_CONFIRMED",     // the event is gone
	"OK " + eventMissing,                  // the same
}}

var agentconfRestart = cause{"agentconf was restarted", []string{
	"UNAVAILABLE STOPPING",
	"UNAVAILABLE " + ownError,
	"UNAUTHENTICATED GUID_STALE",      // the other agentconf knows a session that is over
	"DEADLINE_EXCEEDED NOT_CONFIRMED", // its last poll took the event
	"OK " + eventMissing,              // the same
}}

// lostGUID is for a while after agentconf was restarted: if its last poll for an agent
// took a new GUID with it, the one that the agent has expires.
var lostGUID = cause{"a GUID was lost with a poll", []string{
	"UNAUTHENTICATED SIGN_IN_REQUIRED",
	"UNKNOWN NOT_CONFIRMED", // the watch ended with the session
}}

// eventMissing is what is noted if an event does not come that has to.
const eventMissing = "EVENT_MISSING"

// disturbance is a cause and for how long its answers may come.
type disturbance struct {
	cause
	from, to time.Time
}

// trouble is a call that failed, or anything else that went wrong.
type trouble struct {
	operation string
	answer    answer
	text      string
	from, to  time.Time
}

// tally counts answers. It is safe for concurrent use.
type tally struct {
	mu           sync.Mutex
	calls        int
	troubles     []trouble
	disturbances []disturbance

	events, guids, failedPolls int           // that watchers were told
	watches, watching          int           // begun; going on at the end
	blind                      time.Duration // the longest that an agent was without a watch
}

// call counts a call that began at from and ends now.
func (t *tally) call(operation string, from time.Time, err error) {
	t.add(func() { t.calls++ })
	t.failed(operation, from, err)
}

// failed notes err, if there is one.
func (t *tally) failed(operation string, from time.Time, err error) {
	if err != nil {
		t.note(trouble{operation, answerOf(err), err.Error(), from, time.Now()})
	}
}

func (t *tally) note(x trouble) { t.add(func() { t.troubles = append(t.troubles, x) }) }

func (t *tally) disturbed(d disturbance) {
	t.add(func() { t.disturbances = append(t.disturbances, d) })
}

// watchBegan counts a watch whose agent was without one for a time.
func (t *tally) watchBegan(blind time.Duration) {
	t.add(func() {
		t.watches++
		t.blind = max(t.blind, blind)
	})
}

// took counts a message of a watch.
func (t *tally) took(m *agentconfv1.WatchAgentEventsResponse) {
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

func (t *tally) add(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

// causeOf is what explains x: of all that was at work, what began last. It is empty
// if nothing does.
func (t *tally) causeOf(x trouble) string {
	if x.operation == resumeOperation && x.answer.reason == "GUID_STALE" {
		return "a watch was given up with a new GUID unread"
	}
	var last disturbance
	for _, d := range t.disturbances {
		if x.from.Before(d.to) && x.to.After(d.from) && d.from.After(last.from) && slices.Contains(d.explains, x.answer.String()) {
			last = d
		}
	}
	return last.name
}

// times is how often a cause was at work.
func (t *tally) times(c cause) (n int) {
	for _, d := range t.disturbances {
		if d.name == c.name {
			n++
		}
	}
	return n
}

// unexplained are the troubles that nothing explains.
func (t *tally) unexplained() (list []string) {
	for _, x := range t.troubles {
		if t.causeOf(x) == "" {
			list = append(list, fmt.Sprintf("%s %s: %v: %s", x.to.Format("15:04:05.000"), x.operation, x.answer, x.text))
		}
	}
	return list
}

// row is a line of the table of errors.
type row struct{ cause, answer, outcome string }

func (t *tally) rows() map[row]map[string]int {
	rows := map[row]map[string]int{}
	for _, x := range t.troubles {
		r := row{cmp.Or(t.causeOf(x), "NONE"), x.answer.String(), cmp.Or(x.answer.outcome, "-")}
		if rows[r] == nil {
			rows[r] = map[string]int{}
		}
		rows[r][x.operation]++
	}
	return rows
}

// printErrors prints how often each error came of each cause, and in which
// operations.
func (t *tally) printErrors(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "cause\terror\toutcome\tcount\toperations")
	rows := t.rows()
	for _, r := range slices.SortedFunc(maps.Keys(rows), func(a, b row) int {
		return cmp.Or(cmp.Compare(a.cause, b.cause), cmp.Compare(a.answer, b.answer), cmp.Compare(a.outcome, b.outcome))
	}) {
		total := 0
		var each []string
		for _, operation := range slices.Sorted(maps.Keys(rows[r])) {
			total += rows[r][operation]
			each = append(each, fmt.Sprintf("%s %d", operation, rows[r][operation]))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", r.cause, r.answer, r.outcome, total, strings.Join(each, ", "))
	}
}
