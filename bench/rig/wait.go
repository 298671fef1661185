package rig

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrUnsound marks a run whose figures cannot be trusted.
var ErrUnsound = errors.New("run it again on a quiet machine")

// Sleep waits for d and reports whether d passed before ctx was done.
func Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Background calls do in a goroutine. The function that it returns cancels the context of
// do, waits for its end and returns its error.
func Background(ctx context.Context, do func(ctx context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return do(ctx) })
	return func() error {
		cancel()
		return group.Wait()
	}
}
