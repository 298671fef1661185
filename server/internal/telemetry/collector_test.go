package telemetry

import (
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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
		{false, 512 << 20, nil, maxPercent, 256 << 20},
		{false, 0, errors.New("no limit"), maxPercent, math.MaxInt64},
		{false, math.MaxUint64, nil, maxPercent, math.MaxInt64},
	} {
		debug.SetMemoryLimit(math.MaxInt64)
		stop := tuneCollector(
			func(string) (string, bool) { return "", test.set },
			func() (uint64, error) { return test.container, test.err })
		stop()
		if percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); percent != test.wantPercent || limit != test.wantLimit {
			t.Errorf("%+v: %d %%, limit %d", test, percent, limit)
		}
	}
}

// Garbage is at most four times the live memory, 64 MiB, or a quarter of the live memory.
func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 400, 5 << 20: 400, 16 << 20: 400, 32 << 20: 200, 64 << 20: 100, 256 << 20: 25, 1 << 30: 25, 1 << 40: 25,
	} {
		if got := percentFor(live); got != want {
			t.Errorf("%d MiB: got %d %%, want %d %%", live>>20, got, want)
		}
	}
}

// GOGC follows the live memory. Live memory of 320 MiB, above the limit of a small container,
// leaves room for garbage: 768 MiB of it make about 10 collections. With a memory limit beneath
// the live memory, there are some 70.
func TestCollectorWithoutContainer(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector takes several times the memory; run go test without -race")
	}
	restoreCollector(t)
	debug.SetMemoryLimit(math.MaxInt64)
	stop := tuneCollector(
		func(string) (string, bool) { return "", false },
		func() (uint64, error) { return 0, errors.New("no limit") })
	defer stop()
	kept := make([]byte, 320<<20) // nothing touches it, so that it takes no RAM
	defer runtime.KeepAlive(kept)
	awaitGOGC(t, 100/spareShare)
	if n := collections(); n > 20 {
		t.Errorf("got %d collections, want 20 at most", n)
	}
}

// awaitGOGC waits until collections have set GOGC to want.
func awaitGOGC(t *testing.T, want uint64) {
	t.Helper()
	samples := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for range 1000 {
		runtime.GC()
		if metrics.Read(samples); samples[0].Value.Uint64() == want {
			return
		}
	}
	t.Fatalf("got GOGC %d, want %d", samples[0].Value.Uint64(), want)
}

var garbage []byte

// collections returns how often the collector runs during 768 MiB of allocations.
func collections() uint32 {
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
