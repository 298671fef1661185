package compare

import (
	"reflect"
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
	if want := (load{holds: 1000, data: 48000, rate: 24150.69}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	withoutResults, _, _ := strings.Cut(h2loadOutput, "requests: ")
	for name, text := range map[string]string{
		"failed hold":     strings.Replace(h2loadOutput, "1000 succeeded, 0 failed", "999 succeeded, 1 failed", 1),
		"other status":    strings.Replace(h2loadOutput, "1000 2xx, 0 3xx", "999 2xx, 1 3xx", 1),
		"other version":   strings.Replace(h2loadOutput, "finished in", "done in", 1),
		"without sizes":   strings.Replace(h2loadOutput, "(48000) data", "data", 1),
		"without results": withoutResults,
	} {
		if got, err := parseH2load(text); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
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

// A load counts only if the stub saw every hold and every reply has the proved length.
func TestLoadCheck(t *testing.T) {
	v := &variant{name: "x", replySize: 48}
	for _, c := range []struct {
		load load
		seen int
		ok   bool
	}{
		{load{holds: 10, data: 480}, 10, true},
		{load{holds: 10}, 10, true}, // every reply was checked
		{load{holds: 10, data: 480}, 11, false},
		{load{holds: 10, data: 480}, 9, false},
		{load{holds: 10, data: 479}, 10, false},
	} {
		if err := c.load.check(v, c.seen); (err == nil) != c.ok {
			t.Errorf("%+v, %d seen: %v", c.load, c.seen, err)
		}
	}
}

// A series counts only if a quarter of the slices of every variant were undisturbed.
func TestCheckSlices(t *testing.T) {
	s := &series{regime: regime{rounds: 8, variants: []*variant{{name: "x"}}}, cpu: figures{"x": {1, 1}}}
	if err := checkSlices(s); err != nil {
		t.Error(err)
	}
	s.cpu["x"] = s.cpu["x"][:1]
	if checkSlices(s) == nil {
		t.Error("one slice of eight is enough")
	}
}

func TestRatio(t *testing.T) {
	s := &series{cpu: figures{"a": {20, 40, 50, 60, 70}, "b": {10, 20, 25, 30, 35}}}
	if median, p25 := s.ratio("a", "b", 0.5), s.ratio("b", "a", 0.25); median != 2 || p25 != 0.5 {
		t.Errorf("got %v and %v, want 2 and 0.5", median, p25)
	}
}
