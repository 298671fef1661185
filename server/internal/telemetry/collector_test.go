package telemetry

import (
	"errors"
	"math"
	"runtime/debug"
	"testing"
)

// TuneCollector sets the collector unless the environment does. The memory limit is half of
// the container's, and none without one.
func TestTuneCollector(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	for _, test := range []struct {
		set         bool
		container   uint64
		err         error
		wantPercent int
		wantLimit   int64
	}{
		{true, 512 << 20, nil, 100, math.MaxInt64},
		{false, 512 << 20, nil, gcPercent, 256 << 20},
		{false, 0, errors.New("no limit"), gcPercent, math.MaxInt64},
		{false, math.MaxUint64, nil, gcPercent, math.MaxInt64},
	} {
		debug.SetMemoryLimit(math.MaxInt64)
		tuneCollector(
			func(string) (string, bool) { return "", test.set },
			func() (uint64, error) { return test.container, test.err })
		if percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); percent != test.wantPercent || limit != test.wantLimit {
			t.Errorf("%+v: %d %%, limit %d", test, percent, limit)
		}
	}
}
