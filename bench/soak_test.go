//go:build linux

package main

import (
	"bufio"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
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
	const log = `{"level":"INFO","msg":"call","code":"Unknown","reason":"OUTCOME_UNKNOWN"}
{"level":"ERROR","msg":"call","reason":"INTERNAL"}
panic: runtime error: index out of range
`
	want := []string{`a: {"level":"ERROR","msg":"call","reason":"INTERNAL"}`, "a: panic: runtime error: index out of range"}
	if got := faultsIn("a", log); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Whatever has gone wrong is a fault of the run.
func TestJudge(t *testing.T) {
	for name, spoil := range map[string]func(*soak) (lies []string){
		"a lie": func(*soak) []string { return []string{"told applied"} },
		"an error": func(s *soak) []string {
			s.tally.call("login", midnight, failure(codes.Internal, "INTERNAL", "unknown"))
			return nil
		},
		"a process":         func(s *soak) []string { s.faults = []string{"panic"}; return nil },
		"a watch that ends": func(s *soak) []string { s.tally.watching--; return nil },
	} {
		s := &soak{}
		s.tally.watching = desks
		if err := s.judge(nil); err != nil {
			t.Errorf("nothing is wrong, but %v", err)
		}
		if err := s.judge(spoil(s)); err == nil {
			t.Errorf("%s is no fault", name)
		}
	}
}

const serverSentEvents = `id: 7
event: started
data: {"lastSequence":"7"}

:

id: 8
data: {"sequence":"8","eventType":"AgentState_Busy","workNo":"1001","busy":{}}

event: guid_changed
data: {"guid":"new"}

event: ended
data: {"code":14,"message":"stopping","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"STOPPING","domain":"agentconf","metadata":{"outcome":"not_applied"}}]}

`

func TestReadServerSent(t *testing.T) {
	lines := bufio.NewReader(strings.NewReader(serverSentEvents))
	for _, want := range []string{
		`{"started":{"lastSequence":"7"}}`,
		`{"event":{"sequence":"8","eventType":"AgentState_Busy","workNo":"1001","busy":{}}}`,
		`{"guidChanged":{"guid":"new"}}`,
	} {
		message := &agentconfv1.WatchAgentEventsResponse{}
		if err := protojson.Unmarshal([]byte(want), message); err != nil {
			t.Fatal(err)
		}
		if got, err := readServerSent(lines); err != nil || !proto.Equal(got, message) {
			t.Errorf("%v, %v, want %v", got, err, message)
		}
	}
	for _, want := range []string{"UNAVAILABLE STOPPING", "UNAVAILABLE " + ownError} { // then the stream breaks off
		if _, err := readServerSent(lines); answerOf(err).String() != want || !away(err) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestPaths(t *testing.T) {
	if got := hold.v1Path("1287"); got != v1Path {
		t.Errorf("JSON at %s", got)
	}
	if hold.grpcPath() != grpcPath || hold.operation() != "holdParticipant" {
		t.Errorf("gRPC at %s, operation %s", hold.grpcPath(), hold.operation())
	}
}
