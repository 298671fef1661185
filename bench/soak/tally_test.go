package soak

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func second(n int) time.Time { return midnight.Add(time.Duration(n) * time.Second) }

// failure returns an error of agentconf.
func failure(code codes.Code, reason, outcome string) error {
	s, err := status.New(code, "no").WithDetails(&errdetails.ErrorInfo{
		Reason: reason, Domain: "agentconf", Metadata: map[string]string{"outcome": outcome},
	})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

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
		x := incident{watchOperation, test.answer, "", second(test.from), second(test.to)}
		if got := c.causeOf(x); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Errors are counted by cause and answer. An error without a cause is a fault.
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
		if row := strings.Join(strings.Fields(line), " "); row != "" {
			rows = append(rows, row)
		}
	}
	want := []string{
		"errors", "| cause | error | outcome | count |", "| --- | --- | --- | --- |",
		"| NONE | INTERNAL INTERNAL | unknown | 1 |",
		"| the gateway was restarted | UNAVAILABLE GATEWAY_UNREACHABLE | not_applied | 3 |",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("printed %q, want %q", rows, want)
	}
}

func TestTallyMessages(t *testing.T) {
	var c tally
	for _, m := range []*agentconfv1.WatchAgentEventsResponse{
		{Message: &agentconfv1.WatchAgentEventsResponse_Event{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_Event{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_GuidChanged{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_PollFailed{}},
		{Message: &agentconfv1.WatchAgentEventsResponse_PollRecovered{}},
	} {
		c.message(m)
	}
	if c.events != 2 || c.guids != 1 || c.failedPolls != 1 {
		t.Errorf("%d events, %d GUIDs, %d failed polls", c.events, c.guids, c.failedPolls)
	}
	c.watchBegan(time.Time{})
	if c.watches != 1 || c.longestGap != 0 {
		t.Errorf("%d watches, %v without one", c.watches, c.longestGap)
	}
	c.watchBegan(time.Now().Add(-time.Hour))
	c.watchBegan(time.Now())
	if c.watches != 3 || c.longestGap < time.Hour {
		t.Errorf("%d watches, %v without one", c.watches, c.longestGap)
	}
}
