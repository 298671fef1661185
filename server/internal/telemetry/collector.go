package telemetry

import (
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// gcPercent is how far the heap may grow beyond its live part before it is
	// collected, in percent. Most of what a call allocates is garbage at its end.
	gcPercent = 400

	// limitDivisor is the part of the memory of a container from which on the collector works
	// harder. The other half is for live memory: a limit beneath it makes the collector run
	// without end.
	limitDivisor = 2
)

// TuneCollector sets the garbage collector of the process unless GOGC and GOMEMLIMIT are
// set; each setting stands for itself. There is no memory limit outside of a container that
// has one. The measurements are in bench/README.md.
func TuneCollector(lookupEnv func(string) (string, bool)) {
	tuneCollector(lookupEnv, memlimit.FromCgroup)
}

func tuneCollector(lookupEnv func(string) (string, bool), containerLimit func() (uint64, error)) {
	if _, set := lookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := lookupEnv("GOMEMLIMIT"); set {
		return
	}
	// An error means that there is no container, or that its limit cannot be read.
	if limit, err := containerLimit(); err == nil && limit > 0 && limit < math.MaxInt64 {
		debug.SetMemoryLimit(int64(limit / limitDivisor))
	}
}
