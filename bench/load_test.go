//go:build linux

package main

import (
	"strings"
	"testing"
)

const h2loadOutput = `starting benchmark...
spawning thread #0: 4 total client(s). 1000 total requests
Application protocol: h2c
progress: 100% done

finished in 41.41ms, 24150.69 req/s, 3.51MB/s
requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 145.09KB (148572) total, 12.21KB (12500) headers (space savings 95.00%), 46.88KB (48000) data
                     min         max         mean         sd        +/- sd
time for request:      381us      4.65ms      1.73ms       718us    69.00%
`

func TestParseH2load(t *testing.T) {
	got, err := parseH2load(h2loadOutput)
	if want := (load{holds: 1000, data: 48000, rate: 24150.69}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestParseH2loadRejects(t *testing.T) {
	for what, change := range map[string][2]string{
		"a hold that failed":         {"1000 succeeded, 0 failed", "999 succeeded, 1 failed"},
		"another status":             {"1000 2xx, 0 3xx", "999 2xx, 1 3xx"},
		"output of another version":  {"finished in", "done in"},
		"output without sizes":       {"(48000) data", "data"},
		"output without the results": {"requests: ", "# "},
	} {
		text := strings.Replace(h2loadOutput, change[0], change[1], 1)
		if what == "output without the results" {
			text = text[:strings.Index(text, "# ")]
		}
		if got, err := parseH2load(text); err == nil {
			t.Errorf("%s: got %+v, want an error", what, got)
		}
	}
}

func TestParseStubStatus(t *testing.T) {
	got, err := parseStubStatus("Active connections: 1 \nserver accepts handled requests\n 16 16 31070 \nReading: 0 Writing: 1 Waiting: 0 \n")
	if err != nil || got != 31070 {
		t.Errorf("got %d, %v", got, err)
	}
	if got, err := parseStubStatus("404"); err == nil {
		t.Errorf("got %d, want an error", got)
	}
}

func TestLoadCheck(t *testing.T) {
	v := &variant{name: "x", reply: 48}
	l := load{holds: 10, data: 480}
	if err := l.check(v, 10); err != nil {
		t.Error(err)
	}
	if err := l.check(v, 11); err == nil {
		t.Error("one request more than holds is right, too")
	}
	l.data = 479
	if err := l.check(v, 10); err == nil {
		t.Error("short replies are right, too")
	}
}
