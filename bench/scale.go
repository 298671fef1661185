package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

var inFlightSteps = []int{1, 10, 100, 1000, 5000, 10000}

const (
	maxKiBPerHold = 30
	maxIdleMB     = 225
	idleClients   = 10000
	watchers      = 1000
	watchTime     = 10 * time.Second

	// streamsEach is the number of holds in flight on a connection, well below the limit
	// of agentconf.
	streamsEach = 100
)

// runScale measures an agentconf with its defaults under many calls, many connections and
// many watches.
func runScale(ctx context.Context, _ []string) error {
	if err := checkOpenFiles(); err != nil {
		return err
	}
	printVersions(ctx)
	return withWorkspace(ctx, func(s *workspace) error {
		for _, delay := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
			if err := s.measureHolds(ctx, delay); err != nil {
				return err
			}
		}
		return errors.Join(
			s.withPair(ctx, 0, func(p *pair) error { return p.measureIdle(ctx) }),
			s.withPair(ctx, time.Second, func(p *pair) error { return p.measureWatches(ctx) }))
	})
}

// holdsRow is the result of a number of holds in flight.
type holdsRow struct {
	inFlight              int
	latencies             []float64 // ms
	before, middle, after reading   // middle is in the middle of the load
}

// measureHolds starts an agentconf for every number of holds in flight.
func (s *workspace) measureHolds(ctx context.Context, delay time.Duration) error {
	var rows []holdsRow
	for _, n := range inFlightSteps {
		row := holdsRow{inFlight: n}
		if err := s.withPair(ctx, delay, func(p *pair) error { return row.measure(ctx, p, delay) }); err != nil {
			return fmt.Errorf("%d holds in flight: %w", n, err)
		}
		rows = append(rows, row)
		fmt.Fprintf(os.Stderr, "%v, %d in flight: done\n", delay, n)
	}
	title := fmt.Sprintf("gateway that takes %v; memory of a hold at most %d KiB with %d in flight; "+
		"less than 1 new connection in 1000 calls",
		delay, maxKiBPerHold, inFlightSteps[len(inFlightSteps)-1])
	printTable(os.Stdout, title, "in flight\tholds/s\tp50 ms\tp99 ms\t"+
		"RSS MB before\tpeak\tKiB/hold\t\tnew connections/1000 calls\t\t", rows, holdsRow.cells)
	return nil
}

// measure keeps holds in flight, with up to streamsEach of them on a connection. The first
// ones are spread over the gateway's delay, or all calls would come in waves. Every hold
// must be successful.
func (r *holdsRow) measure(ctx context.Context, p *pair, delay time.Duration) (err error) {
	r.before = p.before
	duration := max(4*time.Second, 4*delay)
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var group errgroup.Group
	group.Go(func() (err error) {
		sleep(ctx, duration/2)
		r.middle, err = p.read(ctx)
		return err
	})
	o, err := p.drive((r.inFlight+streamsEach-1)/streamsEach, func(d *driver) error { return d.closed(ctx, r.inFlight, delay) })
	if err := errors.Join(err, o.err(), group.Wait()); err != nil {
		return err
	}
	r.latencies = o.ok
	r.after, err = p.read(context.WithoutCancel(ctx))
	return err
}

func (r holdsRow) cells() string {
	opened := 1000 * float64(r.after.Opened-r.middle.Opened) / float64(r.after.Requests-r.middle.Requests)
	return fmt.Sprintf("%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%s\t%.2f\t%s\t",
		r.inFlight, float64(len(r.latencies))/r.after.at.Sub(r.before.at).Seconds(),
		quantile(r.latencies, 0.5), quantile(r.latencies, 0.99),
		r.before.now/1e6, r.after.peak/1e6, r.memoryCells(), opened, verdict(opened, 0.999))
}

// memoryCells returns the memory of a hold and its verdict. With few holds in flight there
// is none, as the memory is the process's; below the last step it is mostly garbage.
func (r holdsRow) memoryCells() string {
	perHold := (r.after.peak - r.before.now) / 1024 / float64(r.inFlight)
	switch {
	case r.inFlight < 1000:
		return "-\t"
	case r.inFlight < inFlightSteps[len(inFlightSteps)-1]:
		return fmt.Sprintf("%.1f\t", perHold)
	}
	return fmt.Sprintf("%.1f\t%s", perHold, verdict(perHold, maxKiBPerHold))
}

// measureIdle measures the memory of connections that are idle after one call.
func (p *pair) measureIdle(ctx context.Context) error {
	var after memory
	o, err := p.drive(idleClients, func(d *driver) (err error) {
		if err := d.open(ctx, math.Inf(1), idleClients); err != nil {
			return err
		}
		after, err = memoryOf(p.process)
		return err
	})
	fmt.Printf("\n%d idle gRPC connections after one call each: %.0f MB, %.1f KiB each, at most %d MB: %s\n",
		idleClients, after.now/1e6, (after.now-p.before.now)/1024/idleClients, maxIdleMB, verdict(after.now/1e6, maxIdleMB))
	return errors.Join(err, o.err())
}

// measureWatches measures many watches. Each one is of another agent, has its own
// connection, and gets an event every 1.2 s.
func (p *pair) measureWatches(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var counting errgroup.Group
	var started sync.WaitGroup
	var events atomic.Int64
	started.Add(watchers)
	for i := range watchers {
		counting.Go(func() error {
			n, err := countEvents(watching, p.grpc, strconv.Itoa(1000+i), started.Done)
			events.Add(n)
			return err
		})
	}
	started.Wait()
	before, beforeErr := cpuOf(p.pids...)
	sleep(ctx, watchTime)
	after, afterErr := cpuOf(p.pids...)
	m, err := memoryOf(p.process)
	stop()
	if err := errors.Join(beforeErr, afterErr, err, counting.Wait()); err != nil {
		return err
	}
	fmt.Printf("\n%d watches for %v: %d events, none lost, none failed; %.0f MB at most, "+
		"%.1f KiB a watch with its connection; %.1f %% of a core\n",
		watchers, watchTime, events.Load(), m.peak/1e6, (m.peak-p.before.now)/1024/watchers,
		100*(after-before).Seconds()/watchTime.Seconds())
	return nil
}

// countEvents counts the events of a watch until ctx is done. It calls started when the
// watch has begun or failed. A gap in the sequence, another message and hardly any event
// are errors.
func countEvents(ctx context.Context, address, agent string, started func()) (n int64, err error) {
	front, err := newFront(false, endpoint{grpc: address})
	if err != nil {
		started()
		return 0, err
	}
	defer front.close()
	next, first, err := beginWatch(ctx, front, guid, agent, nil)
	started()
	for err == nil {
		m, nextErr := next()
		if err = nextErr; err != nil {
			break
		}
		n++
		if m.GetEvent().GetSequence() != first.GetLastSequence()+n || m.GetEvent().GetStopVoice() == nil {
			return n, fmt.Errorf("agent %s, event %d: %v", agent, n, m)
		}
	}
	if ctx.Err() == nil {
		return n, err
	}
	if n < 5 {
		return n, fmt.Errorf("agent %s: only %d events", agent, n)
	}
	return n, nil
}
