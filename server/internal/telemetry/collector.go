package telemetry

import "runtime/debug"

const (
	// gcPercent is how far the heap may grow beyond its live part before it is
	// collected, in percent. Most of what a call allocates is garbage at its end.
	gcPercent = 400

	// memoryLimit is the memory in bytes from which on the collector works harder: with
	// many calls in flight gcPercent alone would double the memory.
	memoryLimit = 256 << 20
)

// TuneCollector sets the garbage collector of the process unless GOGC and GOMEMLIMIT are
// set; each setting stands for itself. The measurements are in bench/README.md.
func TuneCollector(lookupEnv func(string) (string, bool)) {
	if _, set := lookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := lookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(memoryLimit)
	}
}
