package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pace calls do n times at even distances, rate times a second, until ctx is done or do
// fails.
func pace(ctx context.Context, rate float64, n int, do func(i int, due time.Time) error) error {
	clock, err := newTimer()
	if err != nil {
		return err
	}
	defer clock.Close()
	start := time.Now()
	for i := 0; i < n && ctx.Err() == nil; i++ {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if err := clock.sleepUntil(due); err != nil {
			return err
		}
		if err := do(i, due); err != nil {
			return err
		}
	}
	return nil
}

// timer is a timer of the kernel, as the runtime's are only good to a millisecond. The
// runtime waits for it and for replies in one place, without a blocked thread.
type timer struct {
	*os.File
	fd int
}

func newTimer() (timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return timer{}, fmt.Errorf("timerfd_create: %w", err)
	}
	return timer{os.NewFile(uintptr(fd), "timer"), fd}, nil
}

func (t timer) sleepUntil(due time.Time) error {
	wait := time.Until(due)
	if wait <= 0 {
		return nil
	}
	err := unix.TimerfdSettime(t.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(wait.Nanoseconds())}, nil)
	if err != nil {
		return fmt.Errorf("timerfd_settime: %w", err)
	}
	var expirations [8]byte
	_, err = t.Read(expirations[:])
	return err
}
