package rig

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timer is a timer of the kernel, as the runtime's are only good to a millisecond. The
// runtime waits for it and for replies in one place, without a blocked thread.
type timer struct {
	*os.File
	fd int
}

// newTimer returns a timer that the caller must close.
func newTimer() (timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return timer{}, fmt.Errorf("timerfd_create: %w", err)
	}
	return timer{os.NewFile(uintptr(fd), "timer"), fd}, nil
}

// sleepUntil returns at once if due has passed, so that a late hold makes up for its delay.
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

// sleepExactly waits for d.
func sleepExactly(d time.Duration) error {
	if d == 0 {
		return nil
	}
	due := time.Now().Add(d)
	t, err := newTimer()
	if err != nil {
		return err
	}
	defer t.Close()
	return t.sleepUntil(due)
}
