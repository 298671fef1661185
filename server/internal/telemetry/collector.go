package telemetry

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// maxPercent is how far the heap may grow beyond its live part before it is collected, in
	// percent. Most of what a call allocates is garbage at its end.
	maxPercent = 400

	// spareGarbage and spareShare bound the garbage beside much live memory: to these bytes, or
	// to this part of the live memory if it is more. Watched agents have so much live memory
	// that four times as much again would be most of the process.
	spareGarbage = 64 << 20
	spareShare   = 4

	// limitDivisor is the part of the memory of a container from which on the collector works
	// harder. The other half is for live memory: a limit beneath it makes the collector run
	// without end.
	limitDivisor = 2
)

// TuneCollector sets the garbage collector of the process unless GOGC and GOMEMLIMIT are
// set; each setting stands for itself. There is no memory limit outside of a container that
// has one. The measurements are in bench/README.md. GOGC follows the live memory until stop is
// called.
func TuneCollector(lookupEnv func(string) (string, bool)) (stop func()) {
	return tuneCollector(lookupEnv, memlimit.FromCgroup)
}

func tuneCollector(lookupEnv func(string) (string, bool), containerLimit func() (uint64, error)) (stop func()) {
	stop = func() {}
	if _, set := lookupEnv("GOGC"); !set {
		debug.SetGCPercent(maxPercent)
		stop = afterCollections(func() { debug.SetGCPercent(percentFor(liveMemory())) })
	}
	if _, set := lookupEnv("GOMEMLIMIT"); set {
		return stop
	}
	// An error means that there is no container, or that its limit cannot be read.
	if limit, err := containerLimit(); err == nil && limit > 0 && limit < math.MaxInt64 {
		debug.SetMemoryLimit(int64(limit / limitDivisor))
	}
	return stop
}

// percentFor returns GOGC for an amount of live memory, of which only base counts for GOGC.
func percentFor(live, base uint64) int {
	return int(min(maxPercent, 100*max(spareGarbage, live/spareShare)/max(1, base)))
}

// liveMemory returns what the last collection left: the bytes of the live heap and of all stacks,
// and those of which GOGC is a percentage. The latter have the used parts of the stacks only:
// half of them, if many goroutines wait.
func liveMemory() (live, base uint64) {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return value(0) + value(1), value(0) + value(2) + value(3)
}

// afterCollections calls act after each collection, on a goroutine of the runtime, until stop is
// called.
func afterCollections(act func()) (stop func()) {
	var mu sync.Mutex
	stopped := false
	var arm func()
	arm = func() {
		type marker struct{ _ *marker } // nothing refers to it, so that the next collection frees it
		runtime.AddCleanup(new(marker), func(struct{}) {
			mu.Lock()
			defer mu.Unlock()
			if !stopped {
				act()
				arm()
			}
		}, struct{}{})
	}
	arm()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
	}
}
