package telemetry

import (
	"bytes"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Each time memory reaches the limit there is one record, and the metric is 1 until memory is
// below it again.
func TestWatchMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var used atomic.Uint64
		registry := prometheus.NewRegistry()
		stop := watchMemory(slog.New(slog.NewTextHandler(&log, nil)), registry,
			func() (uint64, uint64) { return used.Load(), 1000 })
		defer stop()
		for _, step := range []struct {
			used    uint64
			reached float64
			records int
		}{{949, 0, 0}, {950, 1, 1}, {2000, 1, 1}, {900, 0, 1}, {960, 1, 2}} {
			used.Store(step.used)
			time.Sleep(memoryInterval)
			synctest.Wait()
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			if got := families[0].GetMetric()[0].GetGauge().GetValue(); got != step.reached {
				t.Errorf("%d bytes: metric %v, want %v", step.used, got, step.reached)
			}
			if got := strings.Count(log.String(), "level=WARN"); got != step.records {
				t.Errorf("%d bytes: %d records, want %d", step.used, got, step.records)
			}
		}
	})
}

func TestReadMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	if used, limit := readMemory(); used == 0 || limit != math.MaxInt64 {
		t.Errorf("%d bytes of %d, want some without a limit", used, limit)
	}
	debug.SetMemoryLimit(1 << 40)
	if _, limit := readMemory(); limit != 1<<40 {
		t.Errorf("limit %d, want that of the collector", limit)
	}
}
