package faults

import (
	"slices"
	"sync/atomic"
	"time"
)

// maxLateness is the time by which a call may exceed its deadline.
const maxLateness = 100 * time.Millisecond

// call is a call of an operation and its results. Each call has its own agent, so that the logs of
// agentconf and the gateway identify it.
type call struct {
	op        operation
	front     front
	agent     string
	guid      string
	deadline  time.Duration
	abandoned bool      // the caller does not wait for the reply
	want      []outcome // the outcomes that agentconf may report; nil allows all

	reported   outcome
	text       string        // the reply or error, for messages of the test
	took       time.Duration // for the caller
	lateTimer  atomic.Int64  // time.Duration from the start of the call until a timer for its latest end fired
	logged     outcome
	loggedTime time.Duration // that the call took according to agentconf's log record

	next *call // the poll after one with the outcome kept, whose event it must return
}

func (c *call) String() string { return c.op.name + " over " + c.front.String() }

// callKey identifies a call in a log.
type callKey struct{ operation, agent string }

func (c *call) key() callKey { return callKey{c.op.name, c.agent} }

// mayReport reports whether o is an outcome that the fault of the call leads to.
func (c *call) mayReport(o outcome) bool {
	if c.want == nil || o == noOutcome {
		return true
	}
	return slices.ContainsFunc(c.want, func(want outcome) bool {
		return want == o || c.front == dialectFront && dialectReplacements[want] == o
	})
}

// dialectReplacements are the outcomes by which the gateway dialect replaces those that it cannot express.
var dialectReplacements = map[outcome]outcome{notSent: notApplied, notConfirmed: unknown}

// startLateTimer measures when a timer for the latest end of the call fires: on a busy machine, the timer
// is as late as the call. It consists of two timers, because agentconf also acts only after one for the
// deadline has fired. It also serves calls whose callers have left, which agentconf may still execute.
func (c *call) startLateTimer(start time.Time) {
	time.AfterFunc(c.deadline, func() {
		time.AfterFunc(maxLateness, func() { c.lateTimer.Store(int64(time.Since(start))) })
	})
}

// late reports whether the call ended too late, for a caller that waited or in agentconf.
func (c *call) late() bool {
	latest := max(c.deadline+maxLateness, time.Duration(c.lateTimer.Load()))
	return c.loggedTime > latest || !c.abandoned && c.took > latest
}

// mismatch returns how the outcomes of the call contradict its effect, or "". A reply without an outcome is
// a mismatch, too, unless the caller has abandoned the call.
func (c *call) mismatch(e effect) string {
	if c.reported == noOutcome && !c.abandoned {
		return "no outcome reported: " + c.text
	}
	if c.reported == kept || c.logged == kept {
		if m := c.keptMismatch(); m != "" {
			return m
		}
	}
	if m := c.reported.mismatch(e); m != "" {
		return "reported " + m
	}
	if m := c.logged.mismatch(e); m != "" {
		return "logged " + m
	}
	return ""
}
