package faults

import "testing"

// The comparison detects every kind of mismatch, and none in outcomes that agree with the effect.
func TestMismatch(t *testing.T) {
	tests := []struct {
		outcome             outcome
		matches, mismatches []effect
	}{
		{applied, []effect{{1, 1, 0}, {1, 1, 1}}, []effect{{0, 0, 0}, {1, 0, 0}, {2, 1, 0}, {2, 2, 0}}},
		{confirmed, []effect{{1, 1, 1}, {1, 1, 2}}, []effect{{1, 1, 0}, {1, 0, 1}, {2, 1, 1}}},
		{notApplied, []effect{{0, 0, 0}, {1, 0, 0}}, []effect{{1, 1, 0}, {2, 1, 0}}},
		{notSent, []effect{{0, 0, 0}}, []effect{{1, 0, 0}, {1, 1, 0}}},
		{kept, []effect{{1, 1, 0}, {2, 1, 0}}, []effect{{0, 0, 0}, {1, 0, 0}, {2, 2, 0}, {3, 1, 0}}},
		{notConfirmed, []effect{{1, 1, 0}, {1, 0, 0}, {1, 1, 1}}, []effect{{0, 0, 0}, {2, 1, 0}}},
		{unknown, []effect{{0, 0, 0}, {1, 0, 0}, {1, 1, 0}}, nil},
		{noOutcome, []effect{{1, 1, 0}}, nil},
	}
	for _, test := range tests {
		for _, e := range test.matches {
			if got := test.outcome.mismatch(e); got != "" {
				t.Errorf("%s agrees with %+v, but is a mismatch: %s", test.outcome, e, got)
			}
		}
		for _, e := range test.mismatches {
			if test.outcome.mismatch(e) == "" {
				t.Errorf("%s of %+v is no mismatch", test.outcome, e)
			}
		}
	}
}

// A call is repeated if the gateway received more than one request.
func TestRepeated(t *testing.T) {
	for e, want := range map[effect]bool{{0, 0, 0}: false, {1, 1, 2}: false, {2, 1, 0}: true, {2, 2, 0}: true} {
		if e.repeated() != want {
			t.Errorf("%+v: repeated returns %v", e, !want)
		}
	}
}

// The outcome of an error is the strictest statement that it makes.
func TestErrorOutcomes(t *testing.T) {
	tests := []struct {
		record logRecord
		want   outcome
	}{
		{logRecord{Code: "OK"}, applied},
		{logRecord{Code: "Unavailable", Reason: "GATEWAY_UNREACHABLE", Outcome: "not_applied"}, notSent},
		{logRecord{Code: "Unavailable", Reason: "OUTCOME_UNKNOWN", Outcome: "unknown"}, notSent},
		{logRecord{Code: "Canceled", Reason: "CALL_CANCELLED", Outcome: "not_applied"}, notSent},
		{logRecord{Code: "FailedPrecondition", Reason: "NO_EVENT_SOURCE", Outcome: "not_applied"}, notSent},
		{logRecord{Code: "Aborted", Reason: "CONFIRMATION_UNDER_WAY", Outcome: "not_applied"}, notSent},
		{logRecord{Code: "DeadlineExceeded", Reason: "NOT_CONFIRMED", Outcome: "unknown"}, notConfirmed},
		{logRecord{Code: "DeadlineExceeded", Reason: "NOT_CONFIRMED", Outcome: "not_applied"}, notApplied},
		{logRecord{Code: "DeadlineExceeded", Reason: "OUTCOME_UNKNOWN", Outcome: "unknown"}, unknown},
		{logRecord{Code: "DeadlineExceeded"}, noOutcome},
	}
	for _, test := range tests {
		if got := test.record.outcome(); got != test.want {
			t.Errorf("%+v: outcome %q, want %q", test.record, got, test.want)
		}
	}
	if got, text := hold.confirmedWithin(longTimeout).successOutcome("0", `{"retcode":"0"}`); got != noOutcome {
		t.Errorf("OK without its event: outcome %q, %s", got, text)
	}
}

// A row counts, and reports, a mismatch of the reported outcome and one of the logged outcome.
func TestRowCounts(t *testing.T) {
	done, tooLong := effect{1, 1, 0}, maxLateness+2
	timerLate := &call{reported: unknown, deadline: 1, took: tooLong}
	timerLate.lateTimer.Store(int64(tooLong))
	tests := []struct {
		name   string
		call   *call
		effect effect
		row    row
	}{
		{"match", &call{reported: applied, logged: applied}, done, row{ok: 1}},
		{"mismatch in the reply", &call{reported: notApplied, logged: unknown}, done,
			row{notApplied: 1, mismatches: 1}},
		{"mismatch in the log", &call{reported: noOutcome, abandoned: true, logged: notSent}, done,
			row{notApplied: 1, mismatches: 1}},
		{"repeated", &call{reported: unknown, logged: unknown}, effect{2, 1, 0}, row{unknown: 1, twice: 1}},
		{"no outcome", &call{reported: noOutcome, logged: unknown}, effect{}, row{unknown: 1, mismatches: 1}},
		{"abandoned", &call{reported: noOutcome, abandoned: true, logged: unknown}, done, row{unknown: 1}},
		{"kept", &call{reported: kept, logged: kept, next: &call{reported: applied}}, effect{2, 1, 0}, row{unknown: 1}},
		{"kept, but not delivered", &call{reported: kept, logged: kept, next: &call{reported: unknown}}, done,
			row{unknown: 1, mismatches: 1}},
		{"kept, but no poll after it", &call{logged: kept, abandoned: true}, done, row{unknown: 1, mismatches: 1}},
		{"late", &call{reported: unknown, deadline: 1, took: tooLong}, effect{}, row{unknown: 1, late: 1}},
		{"late, and the timer too", timerLate, effect{}, row{unknown: 1}},
		{"late after its caller has left",
			&call{reported: noOutcome, abandoned: true, deadline: 1, loggedTime: tooLong}, effect{},
			row{unknown: 1, late: 1}},
	}
	for _, test := range tests {
		test.row.calls = 1
		var got row
		problem := got.count(test.call, test.effect)
		wantProblem := test.row.mismatches+test.row.twice > 0
		if got != test.row || (problem != "") != wantProblem {
			t.Errorf("%s: %+v, want %+v; problem %q", test.name, got, test.row, problem)
		}
	}
}
