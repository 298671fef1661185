//go:build linux

package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// streamsEach is how many holds a connection of a fleet has in flight at most, well
// below what agentconf allows.
const streamsEach = 100

// fleet is many gRPC clients in a closed loop: whenever a hold ends, the next one
// begins.
type fleet struct {
	mu        sync.Mutex
	latencies []float64 // ms
	errs      []error
}

// run keeps inFlight holds in flight for a time, and ends when the last has been
// answered. The clients begin one after the other, while the gateway takes to
// answer the first: all at once, their calls would come in waves for ever.
func (f *fleet) run(address string, inFlight int, duration, delay time.Duration) error {
	until := time.Now().Add(duration)
	var done sync.WaitGroup
	for left := inFlight; left > 0; left -= streamsEach {
		done.Go(func() {
			time.Sleep(delay * time.Duration(inFlight-left) / time.Duration(inFlight))
			latencies, err := drive(address, min(left, streamsEach), until)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.latencies = append(f.latencies, latencies...)
			if err != nil {
				f.errs = append(f.errs, err)
			}
		})
	}
	done.Wait()
	if len(f.errs) > 0 {
		return fmt.Errorf("%d of the clients of %d holds in flight failed, the first so: %w", len(f.errs), inFlight, f.errs[0])
	}
	return nil
}

// drive is one client with so many holds in flight.
func drive(address string, inFlight int, until time.Time) (latencies []float64, err error) {
	c, err := dialHold(grpcH2, address, grpcPath)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for range inFlight {
		if err := c.send(time.Now()); err != nil {
			return nil, err
		}
	}
	for inFlight > 0 {
		start, ended, err := c.step()
		if err != nil {
			return latencies, err
		}
		if !ended {
			continue
		}
		now := time.Now()
		latencies = append(latencies, now.Sub(start).Seconds()*1000)
		if now.After(until) {
			inFlight--
		} else if err := c.send(now); err != nil {
			return latencies, err
		}
	}
	return latencies, nil
}

// holdOnce makes one hold over a connection that stays open.
func holdOnce(address string) (client, error) {
	c, err := dialHold(grpcH2, address, grpcPath)
	if err != nil {
		return nil, err
	}
	if err := c.send(time.Now()); err != nil {
		return nil, err
	}
	for {
		if _, ended, err := c.step(); err != nil || ended {
			return c, err
		}
	}
}
