package faults

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// verdict is what somebody says of the outcome of a call.
type verdict string

const (
	applied      verdict = "OK"
	confirmed    verdict = "OK with its event"
	notApplied   verdict = "not_applied"
	notReached   verdict = "not_reached" // not applied, as the gateway was never asked
	notConfirmed verdict = "unknown, not confirmed"
	unknown      verdict = "unknown"
	silence      verdict = "silence" // nothing was said, or not by agentconf
)

// truth is how often the gateway got a call, applied it, and handed out its event. A
// poll is applied when it takes an event, which nobody else can get then.
type truth struct{ reached, applied, told int }

// times bounds a number of times.
type times struct{ least, most int }

var (
	none     = times{0, 0}
	once     = times{1, 1}
	some     = times{1, math.MaxInt}
	whatever = times{0, math.MaxInt}
)

func (n times) has(count int) bool { return n.least <= count && count <= n.most }

// rules are what has to be true for somebody to say so.
var rules = map[verdict]struct{ reached, applied, told times }{
	applied:      {once, once, whatever},
	confirmed:    {once, once, some},
	notApplied:   {whatever, none, whatever},
	notReached:   {none, none, whatever},
	notConfirmed: {once, whatever, whatever},
	unknown:      {whatever, whatever, whatever},
	silence:      {whatever, whatever, whatever},
}

// lie is what is wrong with saying v of a call, or empty.
func (v verdict) lie(t truth) string {
	rule := rules[v]
	if rule.reached.has(t.reached) && rule.applied.has(t.applied) && rule.told.has(t.told) {
		return ""
	}
	return fmt.Sprintf("%s, but the gateway got it %d times, applied it %d times and told %d times that it did",
		v, t.reached, t.applied, t.told)
}

// twice reports whether the gateway was asked more than once.
func (t truth) twice() bool { return t.reached > 1 }

// The judge finds every kind of lie, and nothing in what is true.
func TestJudge(t *testing.T) {
	tests := []struct {
		verdict verdict
		truth   truth
		lie     bool
	}{
		{applied, truth{1, 1, 0}, false},
		{applied, truth{1, 1, 1}, false},
		{applied, truth{0, 0, 0}, true},
		{applied, truth{1, 0, 0}, true},
		{applied, truth{2, 1, 0}, true},
		{applied, truth{2, 2, 0}, true},
		{confirmed, truth{1, 1, 1}, false},
		{confirmed, truth{1, 1, 2}, false},
		{confirmed, truth{1, 1, 0}, true},
		{confirmed, truth{1, 0, 1}, true},
		{confirmed, truth{2, 1, 1}, true},
		{notApplied, truth{0, 0, 0}, false},
		{notApplied, truth{1, 0, 0}, false},
		{notApplied, truth{1, 1, 0}, true},
		{notApplied, truth{2, 1, 0}, true},
		{notReached, truth{0, 0, 0}, false},
		{notReached, truth{1, 0, 0}, true},
		{notReached, truth{1, 1, 0}, true},
		{notConfirmed, truth{1, 1, 0}, false},
		{notConfirmed, truth{1, 0, 0}, false},
		{notConfirmed, truth{1, 1, 1}, false},
		{notConfirmed, truth{0, 0, 0}, true},
		{unknown, truth{0, 0, 0}, false},
		{unknown, truth{1, 0, 0}, false},
		{unknown, truth{1, 1, 0}, false},
		{silence, truth{1, 1, 0}, false},
	}
	for _, test := range tests {
		if lie := test.verdict.lie(test.truth); (lie != "") != test.lie {
			t.Errorf("%s of %+v: %q", test.verdict, test.truth, lie)
		}
	}
	for truth, twice := range map[truth]bool{{0, 0, 0}: false, {1, 1, 2}: false, {2, 1, 0}: true, {2, 2, 0}: true} {
		if truth.twice() != twice {
			t.Errorf("%+v: twice is %v", truth, !twice)
		}
	}
}

// Every error is read as the strictest thing that it says.
func TestVerdicts(t *testing.T) {
	tests := []struct {
		said access
		want verdict
	}{
		{access{Code: "OK"}, applied},
		{access{Code: "Unavailable", Reason: "GATEWAY_UNREACHABLE", Outcome: "not_applied"}, notReached},
		{access{Code: "Unavailable", Reason: "OUTCOME_UNKNOWN", Outcome: "unknown"}, notReached},
		{access{Code: "Canceled", Reason: "CALL_CANCELLED", Outcome: "not_applied"}, notReached},
		{access{Code: "FailedPrecondition", Reason: "NO_EVENT_SOURCE", Outcome: "not_applied"}, notReached},
		{access{Code: "Aborted", Reason: "CONFIRMATION_UNDER_WAY", Outcome: "not_applied"}, notReached},
		{access{Code: "DeadlineExceeded", Reason: "NOT_CONFIRMED", Outcome: "unknown"}, notConfirmed},
		{access{Code: "DeadlineExceeded", Reason: "NOT_CONFIRMED", Outcome: "not_applied"}, notApplied},
		{access{Code: "DeadlineExceeded", Reason: "OUTCOME_UNKNOWN", Outcome: "unknown"}, unknown},
		{access{Code: "DeadlineExceeded"}, silence},
	}
	for _, test := range tests {
		if got := test.said.verdict(); got != test.want {
			t.Errorf("%+v is read as %q, want %q", test.said, got, test.want)
		}
	}
	if v, text := hold.confirmed(ample).success("0", `{"retcode":"0"}`); v != silence {
		t.Errorf("OK without its event is read as %q: %s", v, text)
	}
}

// A row counts a lie wherever it is told: to the caller, or in agentconf's own log.
func TestRowCounts(t *testing.T) {
	done, tooLong := truth{1, 1, 0}, lateness+2
	tests := []struct {
		name   string
		call   *call
		truth  truth
		row    row
		report bool
	}{
		{"true", &call{told: applied, logged: applied}, done, row{ok: 1}, false},
		{"told a lie", &call{told: notApplied, logged: unknown}, done, row{notApplied: 1, lies: 1}, true},
		{"logged a lie", &call{told: silence, gone: true, logged: notReached}, done, row{notApplied: 1, lies: 1}, true},
		{"repeated", &call{told: unknown, logged: unknown}, truth{2, 1, 0}, row{unknown: 1, twice: 1}, true},
		{"no outcome", &call{told: silence, logged: unknown}, truth{}, row{unknown: 1, lies: 1}, true},
		{"nobody there", &call{told: silence, gone: true, logged: unknown}, done, row{unknown: 1}, false},
		{"late", &call{told: unknown, deadline: 1, took: tooLong}, truth{}, row{unknown: 1, late: 1}, false},
		{"late as the clock", rangAfter(tooLong, &call{told: unknown, deadline: 1, took: tooLong}), truth{}, row{unknown: 1}, false},
		{"late alone", &call{told: silence, gone: true, deadline: 1, spent: tooLong}, truth{}, row{unknown: 1, late: 1}, false},
	}
	for _, test := range tests {
		test.row.calls = 1
		var got row
		if report := got.count(test.call, test.truth); got != test.row || (report != "") != test.report {
			t.Errorf("%s: %+v, want %+v; report %q", test.name, got, test.row, report)
		}
	}
}

func rangAfter(d time.Duration, k *call) *call {
	k.rang.Store(int64(d))
	return k
}
