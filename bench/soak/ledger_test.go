package soak

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestOutcomeOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		want outcome
	}{
		{nil, applied},
		{failure(codes.FailedPrecondition, "NO_CONFERENCE", "not_applied"), notApplied},
		{failure(codes.Unavailable, "GATEWAY_UNREACHABLE", "not_applied"), notReached},
		{failure(codes.Unknown, "OUTCOME_UNKNOWN", "unknown"), unknown},
		{status.Error(codes.Unavailable, "connection refused"), unknown},
		{errors.New("not even a status"), unknown},
	} {
		if got := outcomeOf(test.err); got != test.want {
			t.Errorf("outcome %d of %v, want %d", got, test.err, test.want)
		}
	}
}

func TestMismatch(t *testing.T) {
	for _, test := range []struct {
		known            []outcome
		reached, applied int
		mismatch         bool
	}{
		{[]outcome{applied}, 1, 1, false},
		{[]outcome{applied}, 0, 0, true},
		{[]outcome{applied}, 1, 0, true},
		{[]outcome{notApplied}, 0, 0, false},
		{[]outcome{notApplied}, 1, 0, false},
		{[]outcome{notApplied}, 1, 1, true},
		{[]outcome{notReached}, 0, 0, false},
		{[]outcome{notReached}, 1, 0, true},
		{[]outcome{unknown}, 0, 0, false},
		{[]outcome{unknown}, 1, 0, false},
		{[]outcome{unknown}, 1, 1, false},
		{[]outcome{unknown}, 2, 1, true},
		{nil, 1, 1, true},
		{[]outcome{applied, applied}, 2, 2, false},
		{[]outcome{applied, applied}, 2, 1, true},
		{[]outcome{applied, applied}, 3, 2, true},
		{[]outcome{applied, notReached}, 1, 1, false},
		{[]outcome{applied, notReached}, 2, 1, true},
		{[]outcome{applied, unknown}, 2, 2, false},
		{[]outcome{applied, notApplied}, 2, 2, true},
	} {
		a := account{reached: test.reached, applied: test.applied}
		for _, o := range test.known {
			a.known[o]++
		}
		if mismatch := a.mismatch(); (mismatch != "") != test.mismatch {
			t.Errorf("%+v: %q", test, mismatch)
		}
	}
}

const gatewayLog = `{"seq":1,"operation":"requestAgentConf","agentId":"1001","body":{"memberNum":20},"retcode":"0","applied":true}
{"seq":2,"operation":"batchAddParticipant","agentId":"1001","body":{"addresses":[{"addressType":"6","address":"1"}]},"retcode":"0","applied":true}
{"seq":3,"operation":"holdParticipant","agentId":"1001","body":{"address":"1","addressType":"6","voicePath":"x"},"retcode":"000-003","applied":false}
{"seq":4,"operation":"holdParticipant","agentId":"1001","body":{"address":"2","addressType":"6","voicePath":"x"},"retcode":"0","applied":true}
`

// The logs of one gateway after another are compared with the outcomes that callers know.
func TestLedger(t *testing.T) {
	var l ledger
	l.record(subject{"batchAddParticipant", "1", ""}, applied)
	l.record(subject{"holdParticipant", "1", "x"}, notApplied)
	l.record(subject{"holdParticipant", "2", "x"}, unknown)
	l.record(subject{"holdParticipant", "3", "x"}, notReached)
	if err := l.read(strings.NewReader(gatewayLog)); err != nil {
		t.Fatal(err)
	}
	if compared, mismatches := l.mismatches(); compared != 4 || len(mismatches) != 0 {
		t.Errorf("%d compared, mismatches %q", compared, mismatches)
	}
	if err := l.read(strings.NewReader(gatewayLog)); err != nil { // every call is there twice
		t.Fatal(err)
	}
	if _, mismatches := l.mismatches(); len(mismatches) != 3 {
		t.Errorf("mismatches %q, want 3", mismatches)
	}
}

func TestLedgerRejects(t *testing.T) {
	for _, line := range []string{
		`{"seq":1,"operation":"holdParticipant"`,
		`{"seq":1,"operation":"batchAddParticipant","body":{"addresses":[{"address":"1"},{"address":"2"}]}}`,
	} {
		if err := new(ledger).read(strings.NewReader(line)); err == nil {
			t.Errorf("%s: want an error", line)
		}
	}
}

// An upgrade finds a hold that is missing, is there twice, or was never made, and an
// unhold that is missing.
func TestLedgerOfUpgrade(t *testing.T) {
	entry := func(operation, voicePath string) string {
		return fmt.Sprintf(`{"operation":%q,"body":{"address":"1","voicePath":%q},"applied":true}`, operation, voicePath)
	}
	mismatches := func(log ...string) []string {
		var l ledger
		for _, voicePath := range []string{"a", "b"} {
			l.record(subject{"holdParticipant", "1", voicePath}, applied)
			l.record(subject{"unholdParticipant", "1", ""}, applied)
		}
		if err := l.read(strings.NewReader(strings.Join(log, "\n"))); err != nil {
			t.Error(err)
		}
		_, mismatches := l.mismatches()
		return mismatches
	}
	a, b, unhold := entry("holdParticipant", "a"), entry("holdParticipant", "b"), entry("unholdParticipant", "")
	if got := mismatches(a, unhold, b, unhold); len(got) != 0 {
		t.Errorf("mismatches %q", got)
	}
	for name, log := range map[string][]string{
		"missing": {a, unhold, unhold}, "twice": {a, unhold, b, unhold, a},
		"never made": {a, unhold, b, unhold, entry("holdParticipant", "c")}, "not taken back": {a, unhold, b},
	} {
		if len(mismatches(log...)) != 1 {
			t.Errorf("a hold that is %s is not found", name)
		}
	}
	if checkRate(2, time.Second) == nil {
		t.Error("2 holds a second are enough")
	}
}
