// Package signal has conditions that goroutines wait for.
package signal

import (
	"context"
	"time"
)

// Signal is a condition that becomes true once. Set may be called several times.
type Signal struct {
	IsSet <-chan struct{} // closed by Set
	Set   func()
}

// New returns a condition that is not true yet.
func New() Signal {
	ctx, set := context.WithCancel(context.Background())
	return Signal{ctx.Done(), set}
}

// Within reports whether c is closed before the time is over.
func Within(d time.Duration, c <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
