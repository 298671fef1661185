package telemetry

import (
	"math"
	"runtime/debug"
	"testing"
)

// TuneCollector sets the collector unless the environment does.
func TestTuneCollector(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	for _, set := range []bool{true, false} {
		wantPercent, wantLimit := gcPercent, int64(memoryLimit)
		if set {
			wantPercent, wantLimit = 100, math.MaxInt64
		}
		TuneCollector(func(string) (string, bool) { return "", set })
		if percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); percent != wantPercent || limit != wantLimit {
			t.Errorf("set by the environment: %v: %d %%, limit %d", set, percent, limit)
		}
	}
}
