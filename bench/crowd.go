//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// idleConnections shows the memory of connections that do nothing after one call.
func idleConnections(ctx context.Context, dir, server string) error {
	p, err := newPair(ctx, dir, server, 0)
	if err != nil {
		return err
	}
	defer p.stop()
	clients, err := eachOf(idleClients, func(int) (client, error) { return holdOnce(p.grpc) })
	defer closeAll(clients)
	if err != nil {
		return err
	}
	after, err := p.memory()
	if err != nil {
		return err
	}
	mb := megabytes(after.now)
	fmt.Printf("\n%d idle gRPC connections after one call each: %.0f MB, %.1f KiB each, at most %d MB: %s\n",
		idleClients, mb, float64(after.now-p.before.now)/idleClients, maxIdleMB, verdict(mb, maxIdleMB))
	return nil
}

// eachOf makes n clients, some at a time.
func eachOf[C io.Closer](n int, open func(i int) (C, error)) ([]C, error) {
	var (
		mu      sync.Mutex
		clients []C
		errs    []error
		next    atomic.Int64
		workers sync.WaitGroup
	)
	for range 32 {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				c, err := open(int(i))
				mu.Lock()
				if err == nil {
					clients = append(clients, c)
				} else {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if len(errs) > 0 {
		return clients, fmt.Errorf("%d of %d failed, the first so: %w", len(errs), n, errs[0])
	}
	return clients, nil
}

func closeAll[C io.Closer](clients []C) {
	for _, c := range clients {
		c.Close()
	}
}

// watching shows many watches, each of another agent and over a connection of its
// own, with an event every 1.2 s.
func watching(ctx context.Context, dir, server string) error {
	const duration = 10 * time.Second
	p, err := newPair(ctx, dir, server, time.Second)
	if err != nil {
		return err
	}
	defer p.stop()
	watches, err := eachOf(watchers, func(i int) (*watch, error) { return openWatch(p.grpc, 1000+i) })
	defer closeAll(watches)
	if err != nil {
		return err
	}
	cpuBefore, err := cpuOf(p.agentconf.pids...)
	if err != nil {
		return err
	}
	time.Sleep(duration)
	cpu, err := cpuOf(p.agentconf.pids...)
	if err != nil {
		return err
	}
	after, err := p.memory()
	if err != nil {
		return err
	}
	events, err := count(watches)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d watches for %v: %d events, none lost, none failed; %.0f MB at most, "+
		"%.1f KiB a watch with its connection; %.1f %% of a core\n",
		watchers, duration, events, megabytes(after.peak), float64(after.peak-p.before.now)/watchers,
		100*(cpu-cpuBefore).Seconds()/duration.Seconds())
	return nil
}

// watch is a stream of an agent's events.
type watch struct {
	*h2client
	mu     sync.Mutex
	events int64
	last   int64 // sequence, or 0 before the first message
	err    error
}

func openWatch(address string, agent int) (*watch, error) {
	conn, err := dialTCP(address)
	if err != nil {
		return nil, err
	}
	request := grpcFrame(&agentconfv1.WatchAgentEventsRequest{AgentId: strconv.Itoa(agent)})
	c, err := newH2Client(conn, watchPath, "application/grpc", guid, request, func(r *h2reply) error {
		return fmt.Errorf("the watch ended: %s %s", r.grpcStatus, r.grpcMessage)
	})
	if err != nil {
		return nil, err
	}
	w := &watch{h2client: c}
	c.data = w.read
	go w.receive()
	return w, c.send(time.Now())
}

func (w *watch) receive() {
	for {
		if _, _, err := w.step(); err != nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
			return
		}
	}
}

// read takes whole messages out of what has come.
func (w *watch) read(r *h2reply) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(r.body) >= 5 {
		size := 5 + int(binary.BigEndian.Uint32(r.body[1:5]))
		if len(r.body) < size {
			return nil
		}
		var m agentconfv1.WatchAgentEventsResponse
		if err := proto.Unmarshal(r.body[5:size], &m); err != nil {
			return err
		}
		r.body = r.body[size:]
		if err := w.took(&m); err != nil {
			return err
		}
	}
	return nil
}

func (w *watch) took(m *agentconfv1.WatchAgentEventsResponse) error {
	switch {
	case m.GetStarted() != nil:
		w.last = m.GetStarted().GetLastSequence()
	case m.GetEvent() == nil:
		return fmt.Errorf("instead of an event: %v", m)
	case m.GetEvent().GetSequence() != w.last+1 || m.GetEvent().GetStopVoice() == nil:
		return fmt.Errorf("after %d: %v", w.last, m)
	default:
		w.last++
		w.events++
	}
	return nil
}

// count is how many events came, or what went wrong.
func count(watches []*watch) (int64, error) {
	var events int64
	for _, w := range watches {
		w.mu.Lock()
		seen, err := w.events, w.err
		w.mu.Unlock()
		if err != nil {
			return 0, err
		}
		if seen < 5 {
			return 0, errors.New("a watch got hardly any event")
		}
		events += seen
	}
	return events, nil
}
