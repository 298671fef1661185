package faults

import (
	"context"
	"sync"
	"time"
)

// signal is a condition that becomes true once. set may be called several times.
type signal struct {
	isSet <-chan struct{} // closed by set
	set   func()
}

func newSignal() signal {
	ctx, set := context.WithCancel(context.Background())
	return signal{ctx.Done(), set}
}

// waitFor waits until c is closed. It returns false if the timeout comes first.
func waitFor(c <-chan struct{}, timeout time.Duration) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// runConcurrently runs all functions at the same time, and returns when all have returned.
func runConcurrently(functions []func()) {
	var running sync.WaitGroup
	for _, f := range functions {
		running.Go(f)
	}
	running.Wait()
}
