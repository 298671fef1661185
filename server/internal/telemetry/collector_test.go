package telemetry

import (
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"agentconf/internal/race"
)

// TuneCollector sets the collector unless the environment does. The memory limit is half of
// the container's, and none without one.
func TestTuneCollector(t *testing.T) {
	restoreCollector(t)
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

// Without a container, live memory of 320 MiB does not make the collector run more often than
// 64 MiB do, for the same allocations. With a limit beneath it, there are some 70 collections.
func TestCollectorWithoutContainer(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector takes several times the memory; run go test without -race")
	}
	restoreCollector(t)
	debug.SetMemoryLimit(math.MaxInt64)
	tuneCollector(
		func(string) (string, bool) { return "", false },
		func() (uint64, error) { return 0, errors.New("no limit") })
	few, many := collections(64<<20), collections(320<<20)
	if many > few {
		t.Errorf("got %d collections with 320 MiB of live memory, want at most the %d with 64 MiB", many, few)
	}
	if few == 0 {
		t.Error("got no collection with 64 MiB of live memory, want some to compare with")
	}
}

var garbage []byte

// collections returns how often the collector runs during 768 MiB of allocations, beside an
// amount of live memory. Nothing touches that memory, so that it takes no RAM.
func collections(live int) uint32 {
	kept := make([]byte, live)
	defer runtime.KeepAlive(kept)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 768 << 4 {
		garbage = make([]byte, 64<<10)
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

// restoreCollector restores the settings of the collector at the end of the test. Until then
// GOGC is 100, unless the test sets it.
func restoreCollector(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
}
