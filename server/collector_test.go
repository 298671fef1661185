package main

import (
	"math"
	"runtime/debug"
	"testing"
)

// The collector is set, unless the environment sets it.
func TestTuneCollector(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	tuneCollector(lookup([]string{"GOGC=100", "GOMEMLIMIT=off"}))
	if got, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); got != 100 || limit != math.MaxInt64 {
		t.Errorf("with GOGC and GOMEMLIMIT: %d %%, limit %d", got, limit)
	}
	tuneCollector(lookup(nil))
	if got, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); got != collectAt || limit != memoryLimit {
		t.Errorf("without: %d %%, limit %d", got, limit)
	}
}
