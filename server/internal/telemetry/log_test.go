package telemetry_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/telemetry"
)

// recorder keeps what is written, one element for each write.
type recorder struct {
	writes []string
	full   bool
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.full {
		return 0, errors.New("no space left")
	}
	r.writes = append(r.writes, string(b))
	return len(b), nil
}

// Records are written together within 100 ms, a warning at once, and a failed write
// loses its own records only.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file recorder
		log, flush := telemetry.NewLog(&file, telemetry.Text, slog.LevelInfo)
		expect := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			if len(file.writes) != len(want) {
				t.Fatalf("%s: %d writes, want %d: %q", when, len(file.writes), len(want), file.writes)
			}
			for i, part := range want {
				if !strings.Contains(file.writes[i], part) {
					t.Errorf("%s: write %d is %q, want %q in it", when, i, file.writes[i], part)
				}
			}
		}
		log.Info("one")
		log.With("key", "value").Info("two")
		expect("at once")
		time.Sleep(100 * time.Millisecond)
		expect("after 100 ms", "msg=two key=value\n")
		file.full = true
		log.Info("three")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		file.full = false
		log.Info("four")
		log.WithGroup("g").With("key", "value").Warn("five")
		expect("after a warning", "two", "msg=four\n")
		log.Info("six")
		flush()
		expect("after flush", "two", "five", "six")
		time.Sleep(time.Second) // the scheduled flush ends
	})
}
