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
		stop = afterCollections(func() { debug.SetGCPercent(percentFor(readLive())) })
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

// percentFor returns GOGC for an amount of live memory.
func percentFor(live uint64) int {
	return int(min(maxPercent, 100*max(spareGarbage, live/spareShare)/max(1, live)))
}

// readLive returns the bytes of the heap that the last collection found to be live, and those
// of the stacks. Both count for GOGC.
func readLive() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
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
