package proxy

import (
	"context"
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

// within reports whether c is closed before the time is over.
func within(d time.Duration, c <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
