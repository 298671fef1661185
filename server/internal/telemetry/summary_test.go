package telemetry_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/servicetest"
	"agentconf/server/internal/telemetry"
)

// A summary writes one record a minute, which has the count and the last attributes.
func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text servicetest.Buffer
		summary := telemetry.NewSummary(slog.New(slog.NewTextHandler(&text, nil)), slog.LevelWarn, "scans")
		expect := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			lines := strings.Split(strings.TrimSpace(text.String()), "\n")
			text.Reset()
			if lines[0] == "" {
				lines = nil
			}
			if len(lines) != len(want) {
				t.Fatalf("%s: records %q, want %q", when, lines, want)
			}
			for i, part := range want {
				if !strings.Contains(lines[i], "level=WARN msg=scans "+part) {
					t.Errorf("%s: record %s, want %s", when, lines[i], part)
				}
			}
		}
		summary.Add(slog.Int("n", 0))
		expect("at once", "count=1 n=0")
		for n := range 1000 {
			summary.Add(slog.Int("n", n))
		}
		time.Sleep(59 * time.Second)
		expect("within the minute")
		time.Sleep(time.Second)
		expect("after the minute", "count=1000 n=999")
		summary.Add(slog.Int("n", 7))
		time.Sleep(time.Minute)
		expect("after the second minute", "count=1 n=7")
		time.Sleep(10 * time.Minute)
		expect("in silence")
		summary.Add()
		expect("at once again", "count=1")
		time.Sleep(time.Minute) // the timer ends
	})
}
