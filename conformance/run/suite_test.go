package main

import (
	"strings"
	"testing"
)

// A line of a client, and a request at the gateway, must each belong to one test.
func TestTestsAreTold(t *testing.T) {
	s, err := newSuite()
	if err != nil {
		t.Fatal(err)
	}
	for front, tests := range s {
		names, agents := map[string]bool{}, map[string]string{}
		for _, test := range tests {
			if names[test.Name] || strings.Contains(test.Name, "\n") {
				t.Errorf("%s: two tests named %q, or a line break in it", front, test.Name)
			}
			names[test.Name] = true
			if test.Gateway == nil {
				continue
			}
			if other := agents[test.AgentID]; other != "" {
				t.Errorf("%s: %q and %q have the same agent", front, other, test.Name)
			}
			agents[test.AgentID] = test.Name
		}
	}
}

func TestVerdicts(t *testing.T) {
	tests := make([]test, 4)
	for i, name := range []string{"JSON", "JSON: null", "an end", "silence"} {
		tests[i].Name = name
	}
	got, err := verdicts(tests, "ok JSON: null\nnot ok JSON: null: it came\ncannot an end: no\n")
	if err == nil {
		t.Errorf("two lines about a test: %v", got)
	}
	got, err = verdicts(tests, "not ok JSON: it came\nok JSON: null\ncannot an end: no\n")
	want := map[string]result{
		"JSON": {"not ok", "it came"}, "JSON: null": {"ok", ""}, "an end": {"cannot", "no"},
		"silence": {"not ok", "the client does not say"},
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for name, r := range want {
		if got[name] != r {
			t.Errorf("%s: %v, want %v", name, got[name], r)
		}
	}
	if _, err := verdicts(tests, "hello\n"); err == nil {
		t.Error("a line about no test is let pass")
	}
}
