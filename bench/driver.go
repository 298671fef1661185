package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	refusalPause  = time.Second      // before a refused caller calls again, as RetryInfo asks
	settleTimeout = 30 * time.Second // for the holds in flight at the end, on a busy machine

	resourceExhausted = "8" // gRPC status of a refused call
)

// driver makes holds over connections to one target, in an open or in a closed loop. It
// checks every reply and records how every hold ended.
type driver struct {
	target    target
	lanes     []*lane
	readers   sync.WaitGroup
	repeating atomic.Bool // in a closed loop

	mu sync.Mutex
	outcomes
}

// lane is one connection of a driver.
type lane struct {
	connection              // nil before its first hold
	inFlight   atomic.Int64 // holds
	isBroken   atomic.Bool
}

// outcomes are the ends of holds.
type outcomes struct {
	ok, refused []float64      // latencies in ms
	failed      map[string]int // by gRPC status or cause
	failure     error          // one of them
}

func newDriver(t target, connections int) *driver {
	d := &driver{target: t, outcomes: outcomes{failed: map[string]int{}}}
	for range connections {
		d.lanes = append(d.lanes, &lane{})
	}
	return d
}

// open makes n holds at even distances, rate a second, even if replies are late. It makes
// fewer if ctx is done before. It returns when all of them have ended.
func (d *driver) open(ctx context.Context, rate float64, n int) error {
	return errors.Join(pace(ctx, rate, n, d.hold), d.settle())
}

// closed keeps inFlight holds in flight until ctx is done: whenever a hold ends, the next
// one begins. The first ones are spread over ramp. It returns when all holds have ended.
func (d *driver) closed(ctx context.Context, inFlight int, ramp time.Duration) error {
	d.repeating.Store(true)
	err := pace(context.Background(), float64(inFlight)/ramp.Seconds(), inFlight, d.hold)
	if err == nil {
		<-ctx.Done()
	}
	d.repeating.Store(false)
	return errors.Join(err, d.settle())
}

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

// hold sends hold number i. The connections take turns, and open with their first hold.
func (d *driver) hold(i int, _ time.Time) (err error) {
	l := d.lanes[i%len(d.lanes)]
	if l.connection == nil {
		if l.connection, err = dial(d.target); err != nil {
			return err
		}
		d.readers.Go(func() { d.read(l) })
	}
	return l.hold()
}

func (l *lane) hold() error {
	if l.isBroken.Load() {
		return net.ErrClosed
	}
	l.inFlight.Add(1)
	return l.send(time.Now())
}

// read handles the replies of a connection until it breaks or is closed.
func (d *driver) read(l *lane) {
	for {
		r, err := l.read()
		if err == nil {
			err = d.answered(l, r)
		}
		if err != nil {
			d.broken(l, err)
			return
		}
	}
}

// answered records a hold and, in a closed loop, sends the next one.
func (d *driver) answered(l *lane, r *reply) error {
	defer l.inFlight.Add(-1) // after the next one has been added
	refused := d.record(r)
	switch {
	case !d.repeating.Load():
		return nil
	case refused:
		time.AfterFunc(refusalPause, func() {
			if d.repeating.Load() {
				l.hold() // the reader records an error
			}
		})
		return nil
	}
	return l.hold()
}

func (d *driver) record(r *reply) (refused bool) {
	ms := time.Since(r.start).Seconds() * 1000
	err := r.check(d.target.kind)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.ok = append(d.ok, ms)
	case r.grpcStatus == resourceExhausted:
		d.refused = append(d.refused, ms)
		return true
	case d.target.kind == grpcH2 && r.grpcStatus != "0":
		d.fail("status "+r.grpcStatus, 1, err)
	default:
		d.fail(err.Error(), 1, err)
	}
	return false
}

// broken records the holds in flight of a broken connection as failed.
func (d *driver) broken(l *lane, err error) {
	l.isBroken.Store(true)
	l.Close()
	left := int(l.inFlight.Swap(0))
	if left == 0 {
		return // close has closed it
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail(err.Error(), left, err)
}

// fail records failed holds. The caller holds d.mu.
func (d *driver) fail(cause string, holds int, err error) {
	d.failed[cause] += holds
	d.failure = err
}

// settle waits until no hold is in flight.
func (d *driver) settle() error {
	end := time.Now().Add(settleTimeout)
	for _, l := range d.lanes {
		for ; l.inFlight.Load() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				return errors.New("some holds have not ended")
			}
		}
	}
	return nil
}

// take returns the outcomes since its last call.
func (d *driver) take() outcomes {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.outcomes
	d.outcomes = outcomes{failed: map[string]int{}}
	return o
}

func (d *driver) close() {
	for _, l := range d.lanes {
		if l.connection != nil {
			l.Close()
		}
	}
	d.readers.Wait()
}

// failures describes the failed holds.
func (o outcomes) failures() string {
	var texts []string
	for _, cause := range slices.Sorted(maps.Keys(o.failed)) {
		texts = append(texts, fmt.Sprintf("%d × %s", o.failed[cause], cause))
	}
	if len(texts) == 0 {
		return "0"
	}
	return strings.Join(texts, ", ")
}

// err returns an error if any hold was not successful.
func (o outcomes) err() error {
	if len(o.refused)+len(o.failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d holds succeeded, %d were refused, failed: %s; one of them: %v",
		len(o.ok), len(o.refused), o.failures(), o.failure)
}
