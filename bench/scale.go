package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

var inFlightSteps = []int{1, 10, 100, 1000, 5000, 10000}

const (
	maxKiBPerHold = 30  // of resident memory
	maxIdleMB     = 225 // with idleClients
	idleClients   = 10000
	watchers      = 1000
	watchTime     = 10 * time.Second // 8 events for each watch

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
	connections := (r.inFlight + streamsEach - 1) / streamsEach
	o, err := p.drive(connections, func(d *driver) error { return d.closed(ctx, r.inFlight, delay) })
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
// connection, and gets an event every 1.2 s. The agents record a gap in their sequence.
func (p *pair) measureWatches(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var r records
	var counting errgroup.Group
	var started sync.WaitGroup
	started.Add(watchers)
	for i := range watchers {
		a := &agent{records: &r, endpoints: [2]endpoint{p.endpoint}, id: strconv.Itoa(1000 + i), guid: guid}
		counting.Go(func() error { return a.countEvents(watching, started.Done) })
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
	if faults := r.tally.unexplained(); len(faults) > 0 {
		return fmt.Errorf("%d faults of watches, one of them: %s", len(faults), faults[0])
	}
	fmt.Printf("\n%d watches for %v: %d events, none lost, none failed; %.0f MB at most, "+
		"%.1f KiB a watch with its connection; %.1f %% of a core\n",
		watchers, watchTime, r.tally.events, m.peak/1e6, (m.peak-p.before.now)/1024/watchers,
		100*(after-before).Seconds()/watchTime.Seconds())
	return nil
}

// countEvents watches until ctx is done, and calls started when the watch has begun or
// failed. Another event than those of the gateway, and fewer than 5 are errors.
func (a *agent) countEvents(ctx context.Context, started func()) error {
	defer a.disconnect()
	err := a.connect(0)
	if err == nil {
		err = a.follow(nil)
	}
	started()
	if err != nil {
		return err
	}
	first := a.last
	err = a.read(ctx, time.Now().Add(time.Hour), func(e *agentconfv1.AgentEvent) bool { return e.GetStopVoice() == nil })
	if n := a.last - first; ctx.Err() == nil || n < 5 {
		return fmt.Errorf("agent %s: watch ended after %d events, or with another event: %v", a.id, n, err)
	}
	return nil
}
