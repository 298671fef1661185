package rig

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	refusalPause  = time.Second      // before a refused caller calls again, as RetryInfo asks
	settleTimeout = 30 * time.Second // for the holds in flight at the end, on a busy machine
)

// Driver makes holds over connections to one target, in an open or in a closed loop. It
// checks every reply and records how every hold ended.
type Driver struct {
	target      Target
	transport   *http.Transport
	connections []*http.ClientConn // nil before their first hold
	holds       sync.WaitGroup     // in flight

	mu sync.Mutex
	Outcomes
}

// Outcomes are the ends of holds.
type Outcomes struct {
	Ok, Refused []float64      // latencies in ms
	Failed      map[string]int // by gRPC status
	failure     error          // one of them
}

// NewDriver returns a driver whose connections open with their first holds.
func NewDriver(t Target, connections int) *Driver {
	return &Driver{
		target: t, transport: newTransport(t.Kind), connections: make([]*http.ClientConn, connections),
		Outcomes: Outcomes{Failed: map[string]int{}},
	}
}

// Open makes n holds at even distances, rate a second, even if replies are late. It makes
// fewer if ctx is done before. It returns when all of them have ended.
func (d *Driver) Open(ctx context.Context, rate float64, n int) error {
	defer d.settle()
	return d.begin(ctx, rate, n, func(c *http.ClientConn) { d.hold(c) })
}

// Closed keeps inFlight holds in flight until ctx is done: whenever a hold ends, the next
// one begins. The first ones are spread over ramp. It returns when all holds have ended.
func (d *Driver) Closed(ctx context.Context, inFlight int, ramp time.Duration) error {
	defer d.settle()
	err := d.begin(ctx, float64(inFlight)/ramp.Seconds(), inFlight, func(c *http.ClientConn) {
		for ctx.Err() == nil && c.Err() == nil {
			if refused := d.hold(c); refused {
				Sleep(ctx, refusalPause)
			}
		}
	})
	if err == nil {
		<-ctx.Done()
	}
	return err
}

// begin calls do n times at an even pace, each time in its own goroutine, so that a late
// reply delays no other hold.
func (d *Driver) begin(ctx context.Context, rate float64, n int, do func(c *http.ClientConn)) error {
	return Pace(ctx, rate, n, func(i int, _ time.Time) error {
		c, err := d.connection(i)
		if err == nil {
			d.holds.Go(func() { do(c) })
		}
		return err
	})
}

// connection returns the connection of hold i. The connections take turns.
func (d *Driver) connection(i int) (_ *http.ClientConn, err error) {
	c := &d.connections[i%len(d.connections)]
	if *c == nil {
		*c, err = d.transport.NewClientConn(context.Background(), "http", d.target.Address)
	}
	return *c, err
}

// hold makes a hold and records its end.
func (d *Driver) hold(c *http.ClientConn) (refused bool) {
	start := time.Now()
	_, err := d.target.roundTrip(c)
	ms := time.Since(start).Seconds() * 1000
	d.mu.Lock()
	defer d.mu.Unlock()
	switch code := status.Code(err); code {
	case codes.OK:
		d.Ok = append(d.Ok, ms)
	case codes.ResourceExhausted:
		d.Refused = append(d.Refused, ms)
	default:
		d.Failed[code.String()]++
		d.failure = err
	}
	return status.Code(err) == codes.ResourceExhausted
}

// settle waits until no hold is in flight. Holds that do not end within settleTimeout
// fail, because their connections are closed.
func (d *Driver) settle() {
	defer time.AfterFunc(settleTimeout, d.Close).Stop()
	d.holds.Wait()
}

// Take returns the outcomes since its last call.
func (d *Driver) Take() Outcomes {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.Outcomes
	d.Outcomes = Outcomes{Failed: map[string]int{}}
	return o
}

// Close closes the connections, which ends the holds in flight.
func (d *Driver) Close() {
	for _, c := range d.connections {
		if c != nil {
			c.Close()
		}
	}
}

// Failures describes the failed holds, such as "DeadlineExceeded:2 Unavailable:1".
func (o Outcomes) Failures() string { return strings.Trim(fmt.Sprint(o.Failed), "map[]") }

// Err returns an error if any hold was not successful.
func (o Outcomes) Err() error {
	if len(o.Refused)+len(o.Failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d holds succeeded, %d were refused, failed: %s; one of them: %v",
		len(o.Ok), len(o.Refused), o.Failures(), o.failure)
}

// Pace calls do n times at even distances, rate times a second, until ctx is done or do
// fails.
func Pace(ctx context.Context, rate float64, n int, do func(i int, due time.Time) error) error {
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
