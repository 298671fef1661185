package main

import (
	"strings"
	"testing"
)

// A line of a client and a request at the gateway each belong to one test.
func TestNewSuite(t *testing.T) {
	s, err := newSuite()
	if err != nil {
		t.Fatal(err)
	}
	applied := map[string]bool{}
	for front, tests := range s {
		names, agents := map[string]bool{}, map[string]string{}
		for _, test := range tests {
			if names[test.Name] || strings.ContainsAny(test.Name, "\n:") {
				t.Errorf("%s: two tests named %q, or a separator in the name", front, test.Name)
			}
			names[test.Name] = true
			applied[test.Name] = applied[test.Name] || test.wrong
			if test.Gateway == nil {
				continue
			}
			if other := agents[test.AgentID]; other != "" {
				t.Errorf("%s: %q and %q have the same agent", front, other, test.Name)
			}
			agents[test.AgentID] = test.Name
		}
	}
	for _, w := range wrongCases {
		if !applied["wrong, "+w.name] {
			t.Errorf("the wrong case %q changes the expectation of no front", w.name)
		}
	}
}

func TestParseResults(t *testing.T) {
	tests := make([]test, 6)
	for i, name := range []string{"JSON", "JSON, null", "an end", "silence", "wrong, noticed", "wrong, unnoticed"} {
		tests[i].Name, tests[i].wrong = name, strings.HasPrefix(name, "wrong")
	}
	got, err := parseResults(tests, "not ok JSON: code: 3\nok JSON, null\ncannot an end: no\n"+
		"not ok wrong, noticed: code\nok wrong, unnoticed\n")
	want := map[string]result{
		"JSON": {"not ok", "code: 3"}, "JSON, null": {"ok", ""}, "an end": {"cannot", "no"},
		"silence":        {"not ok", "the client has printed no result"},
		"wrong, noticed": {"ok", ""}, "wrong, unnoticed": {"not ok", "the client does not compare this"},
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for name, r := range want {
		if got[name] != r {
			t.Errorf("%s: %v, want %v", name, got[name], r)
		}
	}
	for _, out := range []string{"hello\n", "ok unknown\n", "ok JSON\nnot ok JSON: code\n"} {
		if got, err := parseResults(tests, out); err == nil {
			t.Errorf("%q: %v, want an error", out, got)
		}
	}
}
