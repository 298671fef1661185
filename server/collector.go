package main

import "runtime/debug"

const (
	// collectAt is how far the heap may outgrow what is in use before it is collected,
	// in percent. Most of what a call allocates is garbage at its end, and there is
	// little else.
	collectAt = 400

	// memoryLimit is where collecting begins all the same, in bytes: with many calls
	// in flight the growth above would double the memory.
	memoryLimit = 256 << 20
)

// tuneCollector sets the garbage collector, unless GOGC and GOMEMLIMIT do. The
// figures are in bench/README.md.
func tuneCollector(lookupEnv func(string) (string, bool)) {
	if _, set := lookupEnv("GOGC"); !set {
		debug.SetGCPercent(collectAt)
	}
	if _, set := lookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(memoryLimit)
	}
}
