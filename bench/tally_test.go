//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func second(n int) time.Time { return midnight.Add(time.Duration(n) * time.Second) }

func TestCauseOf(t *testing.T) {
	var c tally
	c.disturbed(disturbance{agentconfRestart, second(10), second(20)})
	c.disturbed(disturbance{gatewayRestart, second(15), second(25)})
	stopping := answerOf(failure(codes.Unavailable, "STOPPING", "not_applied"))
	signIn := answerOf(failure(codes.Unauthenticated, "SIGN_IN_REQUIRED", "not_applied"))
	missing := answer{reason: eventMissing}
	for _, test := range []struct {
		name     string
		answer   answer
		from, to int
		want     string
	}{
		{"in the middle", stopping, 12, 13, agentconfRestart.name},
		{"begun before", stopping, 8, 11, agentconfRestart.name},
		{"ended after", stopping, 19, 22, agentconfRestart.name},
		{"around it", stopping, 9, 30, agentconfRestart.name},
		{"before", stopping, 8, 9, ""},
		{"after", stopping, 21, 22, ""},
		{"of the other cause", signIn, 12, 13, ""},
		{"of the other cause, at its time", signIn, 16, 17, gatewayRestart.name},
		{"of both", missing, 16, 17, gatewayRestart.name},
		{"the client's own", answerOf(status.Error(codes.Unavailable, "refused")), 12, 13, agentconfRestart.name},
		{"the right reason with a wrong code", answer{code: codes.Internal, reason: "STOPPING"}, 12, 13, ""},
		{"a fault", answerOf(failure(codes.Internal, "INTERNAL", "unknown")), 16, 17, ""},
	} {
		x := trouble{watchOperation, test.answer, "", second(test.from), second(test.to)}
		if got := c.causeOf(x); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Errors are counted by cause, answer and operation; only what nothing explains is a
// fault.
func TestTally(t *testing.T) {
	var c tally
	unreachable := failure(codes.Unavailable, "GATEWAY_UNREACHABLE", "not_applied")
	begin := time.Now()
	c.call("holdParticipant", begin, nil)
	for range 2 {
		c.call("holdParticipant", begin, unreachable)
	}
	c.call("unholdParticipant", begin, unreachable)
	c.call("unholdParticipant", begin, failure(codes.Internal, "INTERNAL", "unknown"))
	c.disturbed(disturbance{gatewayRestart, begin.Add(-time.Second), time.Now().Add(time.Second)})
	if c.calls != 5 || c.times(gatewayRestart) != 1 || c.times(agentconfRestart) != 0 {
		t.Errorf("%d calls, %d and %d restarts", c.calls, c.times(gatewayRestart), c.times(agentconfRestart))
	}
	if list := c.unexplained(); len(list) != 1 || !strings.Contains(list[0], "unholdParticipant: INTERNAL INTERNAL") {
		t.Errorf("not explained: %q", list)
	}
	var printed strings.Builder
	c.printErrors(&printed)
	var rows []string
	for line := range strings.Lines(printed.String()) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"cause error outcome count operations",
		"NONE INTERNAL INTERNAL unknown 1 unholdParticipant 1",
		"the gateway was restarted UNAVAILABLE GATEWAY_UNREACHABLE not_applied 3 holdParticipant 2, unholdParticipant 1",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("printed %q, want %q", rows, want)
	}
}

func TestTallyTook(t *testing.T) {
	var c tally
	for _, m := range []*agentconfv1.WatchAgentEventsResponse{
		{Message: &agentconfv1.WatchAgentEventsResponse_Event{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_Event{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_GuidChanged{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_PollFailed{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_PollRecovered{}},
	} {
		c.took(m)
	}
	if c.events != 2 || c.guids != 1 || c.failedPolls != 1 {
		t.Errorf("%d events, %d GUIDs, %d failed polls", c.events, c.guids, c.failedPolls)
	}
	c.watchBegan(time.Second)
	c.watchBegan(time.Millisecond)
	if c.watches != 2 || c.blind != time.Second {
		t.Errorf("%d watches, %v without", c.watches, c.blind)
	}
}
