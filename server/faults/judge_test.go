package faults

import (
	"fmt"
	"testing"
)

// verdict is what somebody says of the outcome of a call.
type verdict string

const (
	applied    verdict = "OK"
	notApplied verdict = "not_applied"
	notReached verdict = "not_reached" // not applied, as the gateway was never asked
	unknown    verdict = "unknown"
	silence    verdict = "silence" // nothing was said, or not by agentconf
)

// truth is how often a call stands in the log of the gateway.
type truth struct{ reached, applied int }

// lie is what is wrong with saying v of a call, or empty.
func (v verdict) lie(t truth) string {
	switch {
	case v == applied && (t.reached != 1 || t.applied != 1),
		v == notApplied && t.applied != 0,
		v == notReached && t.reached != 0:
		return fmt.Sprintf("%s, but the gateway got it %d times and applied it %d times", v, t.reached, t.applied)
	}
	return ""
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
		{applied, truth{1, 1}, false},
		{applied, truth{0, 0}, true},
		{applied, truth{1, 0}, true},
		{applied, truth{2, 1}, true},
		{applied, truth{2, 2}, true},
		{notApplied, truth{0, 0}, false},
		{notApplied, truth{1, 0}, false},
		{notApplied, truth{1, 1}, true},
		{notApplied, truth{2, 1}, true},
		{notReached, truth{0, 0}, false},
		{notReached, truth{1, 0}, true},
		{notReached, truth{1, 1}, true},
		{unknown, truth{0, 0}, false},
		{unknown, truth{1, 0}, false},
		{unknown, truth{1, 1}, false},
		{silence, truth{1, 1}, false},
	}
	for _, test := range tests {
		if lie := test.verdict.lie(test.truth); (lie != "") != test.lie {
			t.Errorf("%s of %+v: %q", test.verdict, test.truth, lie)
		}
	}
	for truth, twice := range map[truth]bool{{0, 0}: false, {1, 1}: false, {2, 1}: true, {2, 2}: true} {
		if truth.twice() != twice {
			t.Errorf("%+v: twice is %v", truth, !twice)
		}
	}
}

// A row counts a lie wherever it is told: to the caller, or in agentconf's own log.
func TestRowCounts(t *testing.T) {
	once, tooLong := truth{1, 1}, lateness+2
	tests := []struct {
		name   string
		call   call
		truth  truth
		row    row
		report bool
	}{
		{"true", call{told: applied, logged: applied}, once, row{ok: 1}, false},
		{"told a lie", call{told: notApplied, logged: unknown}, once, row{notApplied: 1, lies: 1}, true},
		{"logged a lie", call{told: silence, gone: true, logged: notReached}, once, row{notApplied: 1, lies: 1}, true},
		{"repeated", call{told: unknown, logged: unknown}, truth{2, 1}, row{unknown: 1, twice: 1}, true},
		{"no outcome", call{told: silence, logged: unknown}, truth{}, row{unknown: 1, lies: 1}, true},
		{"nobody there", call{told: silence, gone: true, logged: unknown}, once, row{unknown: 1}, false},
		{"late", call{told: unknown, deadline: 1, took: tooLong}, truth{}, row{unknown: 1, late: 1}, false},
		{"late alone", call{told: silence, gone: true, deadline: 1, spent: tooLong}, truth{}, row{unknown: 1, late: 1}, false},
	}
	for _, test := range tests {
		test.row.calls = 1
		var got row
		if report := got.count(&test.call, test.truth); got != test.row || (report != "") != test.report {
			t.Errorf("%s: %+v, want %+v; report %q", test.name, got, test.row, report)
		}
	}
}
