package fault

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

var testCatalog = Catalog{
	Operations: []string{"holdParticipant", "getAgentEvent"}, EventTypes: []string{"AgentState_Ready"},
	IsAgentID: func(id string) bool { return len(id) > 2 },
}

func newSet() *Set { return NewSet(1, func() Catalog { return testCatalog }) }

// A fault that can never match, or has no effect, is refused with what exists or is missing.
func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                       "operation or events",
		`{"events":"eat"}`:                         "lose, repeat, reorder, delay",
		`{"events":"delay"}`:                       "delay",
		`{"events":"lose","delay":"1s"}`:           "delay",
		`{"events":"lose","retcode":"1"}`:          "operation instead",
		`{"events":"lose","eventType":"X"}`:        "AgentState_Ready",
		`{"events":"lose","agentId":"1"}`:          "agent ID",
		`{"operation":"agentEvent","retcode":"1"}`: "getAgentEvent",
		`{"operation":"holdParticipant"}`:          "no effect",
		`{"operation":"holdParticipant","retcode":"1","eventType":"AgentState_Ready"}`: "getAgentEvent",
		`{"operation":"*","connection":"drop"}`:                                        "hang, close, reset",
		`{"operation":"*","connection":"hang","at":"in"}`:                              "close or reset",
		`{"operation":"*","connection":"close","at":"x"}`:                              "before, in, after",
		`{"operation":"*","status":99}`:                                                "200 to 599",
		`{"operation":"*","retcode":"1","late":true}`:                                  "hang",
		`{"operation":"getAgentEvent","eventType":"*","delay":"1s","late":true}`:       "eventType",
		`{"operation":"*","delay":"2h"}`:                                               "1h",
		`{"operation":"*","delay":"2s","delayMax":"1s"}`:                               "below delay",
		`{"operation":"*","retcode":"1","count":-2}`:                                   "count",
		`{"operation":"*","retcode":"1","probability":1.5}`:                            "probability",
		`{"operation":"*","retcode":"1","probability":0}`:                              "never applies",
		`{"operation":"*","headers":{"X y":"1"}}`:                                      "header name",
		`{"operation":"*","headers":{"X":"1\n2"}}`:                                     "line break",
		`{"operation":"*","body":"a","bodyBase64":"YQ=="}`:                             "not both",
		`{"operation":"*","bodyBase64":"?"}`:                                           "base64",
		`{"operation":"*","delay":"soon"}`:                                             "time such as",
		`{"operation":"*","dely":"1s"}`:                                                "dely",
	} {
		var f Fault
		err := json.Unmarshal([]byte(text), &f)
		if err == nil {
			_, err = newSet().Add(f)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// The JSON of a fault, as the emulator lists it, sets the same fault again.
func TestJSONRoundTrip(t *testing.T) {
	f := Fault{
		Operation: "getAgentEvent", AgentID: "1287", EventType: "*", Count: 2, Probability: 0.5,
		Delay: time.Second, DelayMax: 2 * time.Second, DelayMean: time.Millisecond, Retcode: "1", Status: 500,
		Headers: map[string]string{"Set-GUID": "x"}, Body: "\xff", Connection: Close, At: In, Applied: true, Late: true,
	}
	for i := range reflect.TypeFor[Fault]().NumField() {
		name := reflect.TypeFor[Fault]().Field(i).Name
		if reflect.ValueOf(f).Field(i).IsZero() && name != "ID" && name != "Left" && name != "Events" {
			t.Errorf("the test does not set %s", name)
		}
	}
	text, err := json.Marshal(f)
	var again Fault
	if err == nil {
		err = json.Unmarshal(text, &again)
	}
	if err != nil || !reflect.DeepEqual(again, f) {
		t.Errorf("%v\n%s\n%+v, want\n%+v", err, text, again, f)
	}
}

// Take uses the first fault that matches, and removes it after its count.
func TestTake(t *testing.T) {
	s := newSet()
	s.Add(Fault{Operation: "holdParticipant", AgentID: "1287", Retcode: "1", Count: 2})
	s.Add(Fault{Operation: Any, Retcode: "2", Count: -1})
	take := func(agentID string) string {
		f := s.Take(func(f *Fault) bool { return f.MatchesRequest("holdParticipant", agentID) })
		return f.ID
	}
	if got := take("2002") + take("1287") + take("1287") + take("1287"); got != "f2f1f1f2" {
		t.Errorf("took %s", got)
	}
	if list := s.List(); len(list) != 1 || list[0].ID != "f2" || list[0].Left != -1 {
		t.Errorf("left: %+v", list)
	}
	if s.Remove("f1") || !s.Remove("f2") || len(s.List()) > 0 {
		t.Error("removal by ID")
	}
}

// The same seed gives the same chance, which is near the probability.
func TestChance(t *testing.T) {
	draw := func(seed uint64) (applied int, first time.Duration) {
		s := NewSet(seed, func() Catalog { return testCatalog })
		f, err := s.Add(Fault{Operation: Any, Delay: time.Second, DelayMax: 2 * time.Second, Count: -1, Probability: 0.25})
		if err != nil {
			t.Fatal(err)
		}
		first = s.Delay(&f)
		for range 1000 {
			if s.Take(func(*Fault) bool { return true }) != nil {
				applied++
			}
		}
		return applied, first
	}
	applied, first := draw(7)
	again, firstAgain := draw(7)
	other, firstOther := draw(8)
	if applied < 200 || applied > 300 || applied != again || first != firstAgain || applied == other && first == firstOther {
		t.Errorf("%d of 1000 and %v, again %d and %v, with another seed %d and %v",
			applied, first, again, firstAgain, other, firstOther)
	}
}

// Drawn delays stay within their limits.
func TestDelays(t *testing.T) {
	s := newSet()
	var sum time.Duration
	for range 1000 {
		if d := s.Delay(&Fault{Delay: time.Second, DelayMax: 2 * time.Second}); d < time.Second || d > 2*time.Second {
			t.Fatalf("even delay of %v", d)
		}
		d := s.Delay(&Fault{DelayMean: time.Second})
		if sum += d; d < 0 || d > maxMeans*time.Second {
			t.Fatalf("exponential delay of %v", d)
		}
	}
	if mean := sum / 1000; mean < 800*time.Millisecond || mean > 1200*time.Millisecond {
		t.Errorf("exponential delays have a mean of %v", mean)
	}
}

// The number of faults and the size of their bodies are limited.
func TestSetLimits(t *testing.T) {
	s := newSet()
	for range maxFaults {
		if _, err := s.Add(Fault{Operation: Any, Retcode: "1"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add(Fault{Operation: Any, Retcode: "1"}); err == nil {
		t.Error("one fault too many")
	}
	if _, err := newSet().Add(Fault{Operation: Any, Body: strings.Repeat("x", maxBodies+1)}); err == nil {
		t.Error("a body above the limit")
	}
}

// An operation whose answer is lost or replaced is executed only with Applied or Late.
func TestExecutes(t *testing.T) {
	for _, test := range []struct {
		fault    Fault
		executes bool
	}{
		{Fault{Delay: 1}, true}, {Fault{Headers: map[string]string{"X": ""}}, true},
		{Fault{Connection: Close, At: In}, true}, {Fault{Connection: Reset, At: After}, true},
		{Fault{Connection: Close}, false}, {Fault{Connection: Reset, At: Before}, false}, {Fault{Connection: Hang}, false},
		{Fault{Retcode: "1"}, false}, {Fault{Status: 500}, false}, {Fault{Body: "x"}, false},
		{Fault{Status: 500, Applied: true}, true}, {Fault{Connection: Hang, Late: true}, true},
	} {
		if got := test.fault.Executes(); got != test.executes {
			t.Errorf("%+v executes: %v", test.fault, got)
		}
	}
	if !(*Fault)(nil).Executes() {
		t.Error("no fault prevents the operation")
	}
}
