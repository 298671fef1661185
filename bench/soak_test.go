package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

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

func TestReadSSE(t *testing.T) {
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
		if got, err := readSSE(lines); err != nil || !proto.Equal(got, message) {
			t.Errorf("%v, %v, want %v", got, err, message)
		}
	}
	for _, want := range []string{"UNAVAILABLE STOPPING", "UNAVAILABLE " + clientMade} { // then the stream breaks
		if _, err := readSSE(lines); answerOf(err).String() != want || !isDown(err) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestMethod(t *testing.T) {
	if got := hold.v1Path("1287"); got != v1Path {
		t.Errorf("REST path %s", got)
	}
	if got := forceLogin.v1Path("1001"); got != "/v1/agents/1001/session:forceLogin" || hold.operation() != "holdParticipant" {
		t.Errorf("REST path %s, operation %s", got, hold.operation())
	}
}

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
		"errors", "cause error outcome count",
		"NONE INTERNAL INTERNAL unknown 1",
		"the gateway was restarted UNAVAILABLE GATEWAY_UNREACHABLE not_applied 3",
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

func TestTrendOf(t *testing.T) {
	for _, test := range []struct {
		name       string
		at, values []float64
		want       trend
	}{
		{"a line", []float64{0, 1, 2, 3}, []float64{10, 12, 14, 16}, trend{2, 0}},
		{"no trend", []float64{0, 1, 2, 3}, []float64{5, 5, 5, 5}, trend{0, 0}},
		{"downwards, unevenly", []float64{0, 1, 10}, []float64{30, 27, 0}, trend{-3, 0}},
		// By hand: the squares of x are 5, the products 8; the residue is 0.2.
		{"noise", []float64{1, 2, 3, 4}, []float64{1, 3, 4, 6}, trend{1.6, math.Sqrt(0.2 / 2 / 5)}},
	} {
		got := trendOf(test.at, test.values)
		if math.Abs(got.slope-test.want.slope) > 1e-9 || math.Abs(got.err-test.want.err) > 1e-9 {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := trendOf([]float64{0, 1}, []float64{1, 2}); !math.IsNaN(got.slope) || !math.IsNaN(got.err) {
		t.Errorf("of two values: %+v, want NaN", got)
	}
}

const metrics = `# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 75
go_memstats_heap_alloc_bytes 2.097152e+06
go_memstats_heap_alloc_bytes_total 9e+09
grpc_server_handled_total{grpc_code="OK",grpc_method="HoldParticipant"} 3
process_open_fds 13
process_resident_memory_bytes 1.048576e+07
`

func TestParseVitals(t *testing.T) {
	got, err := parseVitals(metrics)
	if want := [4]float64{10240, 2048, 75, 13}; err != nil || got.values != want {
		t.Errorf("%v, %v, want %v", got.values, err, want)
	}
	for _, without := range []string{"go_goroutines 75\n", "process_open_fds 13\n"} {
		if got, err := parseVitals(strings.Replace(metrics, without, "", 1)); err == nil {
			t.Errorf("without %q: %v, want an error", without, got.values)
		}
	}
}
