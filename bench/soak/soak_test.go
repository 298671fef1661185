package soak

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

func TestRhythm(t *testing.T) {
	for length, want := range map[time.Duration]rhythm{
		time.Hour:        {time.Hour, 30 * time.Second, 10 * time.Second, 5 * time.Second, 130 * time.Second},
		10 * time.Minute: {10 * time.Minute, 30 * time.Second, 10 * time.Second, 5 * time.Second, 130 * time.Second},
		time.Minute:      {time.Minute, 15 * time.Second, 5 * time.Second, 2500 * time.Millisecond, 15 * time.Second},
	} {
		if got := rhythmOf(length); got != want {
			t.Errorf("of %v: %+v, want %+v", length, got, want)
		}
	}
}

func TestFaultsIn(t *testing.T) {
	const log = `{"level":"INFO","msg":"call","rpc.response.status_code":"UNKNOWN","reason":"OUTCOME_UNKNOWN"}
{"level":"ERROR","msg":"call","reason":"INTERNAL"}
panic: runtime error: index out of range
`
	want := []string{`a: {"level":"ERROR","msg":"call","reason":"INTERNAL"}`, "a: panic: runtime error: index out of range"}
	if got := faultsIn("a", log); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Everything that goes wrong is a fault of the run.
func TestJudge(t *testing.T) {
	for name, spoil := range map[string]func(*soak){
		"mismatch":      func(s *soak) { s.ledger.record(subject{"holdParticipant", "1", ""}, applied) },
		"error":         func(s *soak) { s.tally.call("login", midnight, failure(codes.Internal, "INTERNAL", "unknown")) },
		"process":       func(s *soak) { s.faults = []string{"panic"} },
		"ended watch":   func(s *soak) { s.tally.watching-- },
		"unhold":        func(s *soak) { s.ledger.record(subject{operation: "unhold"}, applied) },
		"sequence gap":  func(s *soak) { (&agent{records: &s.records}).expect(1, 2) },
		"missing event": func(s *soak) { s.tally.note(incident{answer: answer{reason: eventMissing}}) },
	} {
		s := &soak{}
		s.tally.watching = soakAgents
		if err := s.judge(s.unwatched()...); err != nil {
			t.Errorf("nothing is wrong, but %v", err)
		}
		spoil(s)
		if err := s.judge(s.unwatched()...); err == nil {
			t.Errorf("%s is no fault", name)
		}
	}
}
