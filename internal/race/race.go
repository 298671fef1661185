// Package race reports whether the race detector is on. It allocates and enlarges stacks, so
// that tests which count either are skipped with it.
package race
