//go:build unix

package lifecycle

import (
	"math"
	"syscall"
)

// descriptorLimit returns how many descriptors the process may have. Go has raised the soft
// limit to the hard one at the start. It is 0 if there is none.
func descriptorLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}
