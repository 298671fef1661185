package telemetry_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/telemetry"
)

// recorder keeps what is written, one element for each write.
type recorder struct {
	mu     sync.Mutex
	writes []string
	full   bool
}

func (r *recorder) setFull(full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = full
}

func (r *recorder) written() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
			writes := file.written()
			if len(writes) != len(want) {
				t.Fatalf("%s: %d writes, want %d: %q", when, len(writes), len(want), writes)
			}
			for i, part := range want {
				if !strings.Contains(writes[i], part) {
					t.Errorf("%s: write %d is %q, want %q in it", when, i, writes[i], part)
				}
			}
		}
		log.Info("one")
		log.With("key", "value").Info("two")
		expect("at once")
		time.Sleep(100 * time.Millisecond)
		expect("after 100 ms", "msg=two key=value\n")
		file.setFull(true)
		log.Info("three")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		file.setFull(false)
		log.Info("four")
		log.WithGroup("g").With("key", "value").Warn("five")
		expect("after a warning", "two", "msg=four\n")
		log.Info("six")
		flush()
		expect("after flush", "two", "five", "six")
		time.Sleep(time.Second) // the scheduled flush ends
	})
}
