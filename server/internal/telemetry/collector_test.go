package telemetry

import (
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
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

// Garbage is at most four times the live memory, 64 MiB, or a quarter of the live memory. GOGC is
// higher if a part of the live memory does not count for it.
func TestPercentFor(t *testing.T) {
	for _, test := range []struct {
		live, base uint64 // MiB
		want       int
	}{
		{0, 0, 400}, {5, 5, 400}, {16, 16, 400}, {32, 32, 200}, {64, 64, 100}, {256, 256, 25},
		{1 << 10, 1 << 10, 25}, {1 << 20, 1 << 20, 25}, {320, 200, 40}, {64, 32, 200},
	} {
		if got := percentFor(test.live<<20, test.base<<20); got != test.want {
			t.Errorf("%d MiB, of them %d: got %d %%, want %d %%", test.live, test.base, got, test.want)
		}
	}
}

// The unused parts of stacks are live memory, but do not count for GOGC.
func TestLiveMemoryOfStacks(t *testing.T) {
	const goroutines, unused = 1000, 14 << 10
	end := make(chan struct{})
	var waiting, ended sync.WaitGroup
	defer ended.Wait()
	defer close(end)
	waiting.Add(goroutines)
	for range goroutines {
		ended.Go(func() { waitOnStack(&waiting, end) })
	}
	waiting.Wait()
	runtime.GC()
	if live, base := liveMemory(); live < base+goroutines*unused {
		t.Errorf("%d bytes are live, and %d count for GOGC", live, base)
	}
}

// waitOnStack waits on a stack of 32 KiB, of which 17 KiB are in use.
func waitOnStack(waiting *sync.WaitGroup, end chan struct{}) {
	var used [17 << 10]byte
	waiting.Done()
	<-end
	runtime.KeepAlive(&used)
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
	awaitGOGC(t, 100/spareShare+1)
	if n := collections(); n > 20 {
		t.Errorf("got %d collections, want 20 at most", n)
	}
}

// awaitGOGC waits until collections have set GOGC to at most limit.
func awaitGOGC(t *testing.T, limit uint64) {
	t.Helper()
	samples := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for range 1000 {
		runtime.GC()
		if metrics.Read(samples); samples[0].Value.Uint64() <= limit {
			return
		}
	}
	t.Fatalf("got GOGC %d, want %d at most", samples[0].Value.Uint64(), limit)
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
