//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// refusalPause is how long a caller waits who is refused, as the refusal tells.
const refusalPause = time.Second

// callers call over many connections, whatever becomes of their calls, and tell what did.
type callers struct {
	clients []*h2client
	pending atomic.Int64 // calls under way
	again   atomic.Bool  // a call that ended is followed by another
	readers sync.WaitGroup

	mu sync.Mutex
	outcomes
}

// outcomes is what became of calls.
type outcomes struct {
	ok, refused []float64      // ms
	failed      map[string]int // by gRPC status, or by what broke the connection
}

func newCallers(address, guid string, connections int) (*callers, error) {
	c := &callers{outcomes: outcomes{failed: map[string]int{}}}
	for range connections {
		conn, err := dialTCP(address)
		if err != nil {
			return nil, err
		}
		var refused bool
		client, err := newH2Client(conn, grpcPath, "application/grpc", guid, grpcFrame(holdRequest()), func(r *h2reply) error {
			refused = r.grpcStatus == resourceExhausted
			return c.ended(r)
		})
		if err != nil {
			return nil, err
		}
		c.clients = append(c.clients, client)
		c.readers.Go(func() { c.read(client, &refused) })
	}
	return c, nil
}

func (c *callers) call(client *h2client) error {
	c.pending.Add(1)
	return client.send(time.Now())
}

// read looks at what comes to a client, of which refused is whether the last call was.
func (c *callers) read(client *h2client, refused *bool) {
	for {
		_, ended, err := client.step()
		if err == nil && ended {
			c.pending.Add(-1)
			err = c.callAgain(client, *refused)
		}
		if err != nil {
			c.broken(client, err)
			return
		}
	}
}

// broken tells the calls of a client that is no more, and has it take no others.
func (c *callers) broken(client *h2client, err error) {
	client.Close()
	client.mu.Lock()
	left := len(client.calls)
	client.mu.Unlock()
	if left == 0 {
		return // it was closed after its work
	}
	c.pending.Add(-int64(left))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed[err.Error()] += left
}

func (c *callers) callAgain(client *h2client, refused bool) error {
	switch {
	case !c.again.Load():
		return nil
	case refused:
		time.AfterFunc(refusalPause, func() {
			if c.again.Load() {
				c.call(client) // whose reader sees if it is broken
			}
		})
		return nil
	}
	return c.call(client)
}

// resourceExhausted is the gRPC status of a call that is refused.
const resourceExhausted = "8"

// ended tells one call.
func (c *callers) ended(r *h2reply) error {
	took := time.Since(r.start).Seconds() * 1000
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.grpcStatus {
	case "0":
		c.ok = append(c.ok, took)
		return checkGRPC(r)
	case resourceExhausted:
		c.refused = append(c.refused, took)
	default:
		c.failed["status "+r.grpcStatus]++
	}
	return nil
}

// take is what became of calls since it was last asked.
func (c *callers) take() outcomes {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.outcomes
	c.outcomes = outcomes{failed: map[string]int{}}
	return t
}

// offer makes calls at an even rate, until end is closed.
func (c *callers) offer(rate int, end <-chan struct{}) error {
	start := time.Now()
	for i := 0; ; i++ {
		select {
		case <-end:
			return nil
		case <-time.After(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate)))):
		}
		if err := c.call(c.clients[i%len(c.clients)]); err != nil {
			return err
		}
	}
}

// keep has so many callers call again and again, until end is closed. Who is refused waits
// before that, as the refusal tells.
func (c *callers) keep(inFlight int, end <-chan struct{}) error {
	c.again.Store(true)
	defer c.again.Store(false)
	for i := range inFlight {
		if err := c.call(c.clients[i%len(c.clients)]); err != nil {
			return err
		}
	}
	<-end
	return nil
}

// settle waits for the calls that are under way, on a busy machine for half a minute.
func (c *callers) settle() error {
	for range 3000 {
		if c.pending.Load() == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%d calls have no end", c.pending.Load())
}

func (c *callers) close() {
	closeAll(c.clients)
	c.readers.Wait()
}

// failures are how many calls failed, and how.
func (t outcomes) failures() string {
	text := "0"
	for i, cause := range slices.Sorted(maps.Keys(t.failed)) {
		if i == 0 {
			text = ""
		}
		text += fmt.Sprintf("%d × %s ", t.failed[cause], cause)
	}
	return text
}
