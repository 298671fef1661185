// Package scale measures memory and latency with many holds, connections and watches.
package scale

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"agentconf/server/bench/rig"
)

var inFlightSteps = []int{1, 10, 100, 1000, 5000, 10000}

const (
	maxKiBPerHold = 30  // of resident memory
	maxIdleMB     = 225 // with idleClients
	IdleClients   = 10000

	// streamsEach is the number of holds in flight on a connection, well below the limit
	// of agentconf.
	streamsEach = 100
)

// Run measures an agentconf with its defaults under many calls, many connections and
// many watches.
func Run(ctx context.Context, _ []string) error {
	if err := rig.CheckLimits(rig.ManyFiles); err != nil {
		return err
	}
	rig.PrintVersions(ctx)
	return rig.WithWorkspace(ctx, func(s *rig.Workspace) error {
		for _, delay := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
			if err := measureHolds(ctx, s, delay); err != nil {
				return err
			}
		}
		return s.WithPair(ctx, 0, func(p *rig.Pair) error { return measureIdle(ctx, p) })
	})
}

// holdsRow is the result of a number of holds in flight.
type holdsRow struct {
	inFlight              int
	latencies             []float64   // ms
	before, middle, after rig.Reading // middle is in the middle of the load
}

// measureHolds starts an agentconf for every number of holds in flight.
func measureHolds(ctx context.Context, s *rig.Workspace, delay time.Duration) error {
	var rows []holdsRow
	for _, n := range inFlightSteps {
		row := holdsRow{inFlight: n}
		if err := s.WithPair(ctx, delay, func(p *rig.Pair) error { return row.measure(ctx, p, delay) }); err != nil {
			return fmt.Errorf("%d holds in flight: %w", n, err)
		}
		rows = append(rows, row)
		fmt.Fprintf(os.Stderr, "%v, %d in flight: done\n", delay, n)
	}
	title := fmt.Sprintf("gateway that takes %v; memory of a hold at most %d KiB with %d in flight; "+
		"less than 1 new connection in 1000 calls",
		delay, maxKiBPerHold, inFlightSteps[len(inFlightSteps)-1])
	rig.PrintTable(os.Stdout, title, "in flight\tholds/s\tp50 ms\tp99 ms\t"+
		"RSS MB before\tpeak\tKiB/hold\t\tnew connections/1000 calls\t\t", rows, holdsRow.cells)
	return nil
}

// measure keeps holds in flight, with up to streamsEach of them on a connection. The first
// ones are spread over the gateway's delay, or all calls would come in waves. Every hold
// must be successful.
func (r *holdsRow) measure(ctx context.Context, p *rig.Pair, delay time.Duration) (err error) {
	r.before = p.Before
	duration := max(4*time.Second, 4*delay)
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var group errgroup.Group
	group.Go(func() (err error) {
		rig.Sleep(ctx, duration/2)
		r.middle, err = p.Read(ctx)
		return err
	})
	connections := (r.inFlight + streamsEach - 1) / streamsEach
	o, err := p.Drive(connections, func(d *rig.Driver) error { return d.Closed(ctx, r.inFlight, delay) })
	if err := errors.Join(err, o.Err(), group.Wait()); err != nil {
		return err
	}
	r.latencies = o.Ok
	r.after, err = p.Read(context.WithoutCancel(ctx))
	return err
}

func (r holdsRow) cells() string {
	opened := 1000 * float64(r.after.Opened-r.middle.Opened) / float64(r.after.Requests-r.middle.Requests)
	return fmt.Sprintf("%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%s\t%.2f\t%s\t",
		r.inFlight, float64(len(r.latencies))/r.after.At.Sub(r.before.At).Seconds(),
		rig.Quantile(r.latencies, 0.5), rig.Quantile(r.latencies, 0.99),
		r.before.Now/1e6, r.after.Peak/1e6, r.memoryCells(), opened, rig.Verdict(opened, 0.999))
}

// memoryCells returns the memory of a hold and its verdict. With few holds in flight there
// is none, as the memory is the process's; below the last step it is mostly garbage.
func (r holdsRow) memoryCells() string {
	perHold := (r.after.Peak - r.before.Now) / 1024 / float64(r.inFlight)
	switch {
	case r.inFlight < 1000:
		return "-\t"
	case r.inFlight < inFlightSteps[len(inFlightSteps)-1]:
		return fmt.Sprintf("%.1f\t", perHold)
	}
	return fmt.Sprintf("%.1f\t%s", perHold, rig.Verdict(perHold, maxKiBPerHold))
}

// measureIdle measures the memory of connections that are idle after one call.
func measureIdle(ctx context.Context, p *rig.Pair) error {
	var after rig.Memory
	o, err := p.Drive(IdleClients, func(d *rig.Driver) (err error) {
		if err := d.Open(ctx, math.Inf(1), IdleClients); err != nil {
			return err
		}
		after, err = rig.MemoryOf(p.Process)
		return err
	})
	fmt.Printf("\n%d idle gRPC connections after one call each: %.0f MB, %.1f KiB each, at most %d MB: %s\n",
		IdleClients, after.Now/1e6, (after.Now-p.Before.Now)/1024/IdleClients, maxIdleMB, rig.Verdict(after.Now/1e6, maxIdleMB))
	return errors.Join(err, o.Err())
}
