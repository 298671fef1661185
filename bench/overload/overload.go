// Package overload measures healthy callers beside an overload.
package overload

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"agentconf/server/bench/rig"
)

const (
	healthyRate = 200 // calls a second of healthy callers, to another node than the others
	nodeGUID    = "5f2b8e0c6d414f7d9a3e1b7c0d9f4a62.AgentGateway2"

	quietTime = 5 * time.Second  // before the load
	restTime  = 10 * time.Second // for the release of what the load took

	maxSlower    = 2.0  // p99 of healthy callers, relative to that before
	maxRefusalMs = 5.0  // p99 of refusals
	maxKept      = 1.05 // goroutines after the rest, relative to those before

	idleConnections = 10_000

	// manyFiles is the number of files that agentconf opens with 10,000 callers: a connection
	// to the gateway for each, and their own connections.
	manyFiles = 12_000
)

// target is the agentconf of a scenario, and the gateway of the callers that are not healthy.
type target struct {
	rig.Agentconf
	gateway rig.Gateway
}

// drive lets load make holds over a number of connections.
func (t *target) drive(connections int, load func(d *rig.Driver) error) (rig.Outcomes, error) {
	d := rig.NewDriver(rig.GRPCTarget(t.GRPC, rig.GUID), connections)
	defer d.Close()
	err := load(d)
	return d.Take(), err
}

// scenario is a load on agentconf while healthy callers call.
type scenario struct {
	name  string
	delay time.Duration // of the gateway of the other callers
	flags []string      // of agentconf
	run   func(ctx context.Context, t *target) (rig.Outcomes, error)
	time  time.Duration // of the load
}

var scenarios = []scenario{
	{"gateway stalls, 500 calls a second to it", 0, nil, stallGateway, 30 * time.Second},
	{"10 times what a limit of 200 in flight bears", 200 * time.Millisecond, []string{"--max-in-flight", "200"},
		offerTenfold, 20 * time.Second},
	{"1,000 callers, a gateway that takes 200 ms", 200 * time.Millisecond, nil, keepCallers(1000), 15 * time.Second},
	{"10,000 callers at once, defaults", 0, nil, keepCallers(10_000), 20 * time.Second},
	{"10,000 callers at once, a limit of 500", 0, []string{"--max-in-flight", "500"}, keepCallers(10_000), 20 * time.Second},
	{"10,000 idle connections", 0, nil, openIdleConnections, 15 * time.Second},
	{"500 watches a second with expired GUIDs", 0, nil, watchInVain, 15 * time.Second},
}

// Run measures the latency of healthy callers in each scenario, and what
// remains of it.
func Run(ctx context.Context, _ []string) error {
	if err := rig.CheckLimits(manyFiles); err != nil {
		return err
	}
	rig.PrintVersions(ctx)
	return rig.WithWorkspace(ctx, func(s *rig.Workspace) error {
		var all []*scenarioResult
		for _, each := range scenarios {
			r := &scenarioResult{scenario: each}
			if err := r.measure(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			all = append(all, r)
			fmt.Fprintf(os.Stderr, "%s: done\n", r.name)
		}
		printCallers(all)
		printFootprints(all)
		return checkQuiet(all)
	})
}

// scenarioResult is the result of one scenario.
type scenarioResult struct {
	scenario
	quiet, during       rig.Outcomes // of the healthy callers
	others              rig.Outcomes // of the other callers
	before, peak, after footprint
	foreign             float64 // share of both cores during the load
}

// footprint is the consumption of agentconf: memory, and the heap after a collection.
type footprint struct{ residentMB, heapMB, goroutines float64 }

// measure runs the scenario with a new agentconf, which has a second node for healthy callers.
func (r *scenarioResult) measure(ctx context.Context, s *rig.Workspace) error {
	defer s.Stop()
	node, nodeErr := s.LaunchGateway(ctx, rig.BothCores, rig.Schedule{})
	gateway, err := s.LaunchGateway(ctx, rig.BothCores, rig.Schedule{Delay: r.delay})
	if err := errors.Join(nodeErr, err); err != nil {
		return err
	}
	flags := []string{"--agent-rate", "0", "--gateway-node", "AgentGateway2=http://" + node.Address}
	a, err := s.LaunchAgentconf(ctx, rig.BothCores, s.Binary, "http://"+gateway.Address, append(flags, r.flags...)...)
	if err != nil {
		return err
	}
	healthy := rig.NewDriver(rig.GRPCTarget(a.GRPC, nodeGUID), 4)
	defer healthy.Close()
	stop := rig.Background(ctx, func(ctx context.Context) error { return healthy.Open(ctx, healthyRate, math.MaxInt) })
	return errors.Join(r.measurePhases(ctx, &target{a, gateway}, healthy), stop())
}

// measurePhases goes through the phases: quiet, load, rest.
func (r *scenarioResult) measurePhases(ctx context.Context, t *target, healthy *rig.Driver) (err error) {
	rig.Sleep(ctx, quietTime)
	r.quiet = healthy.Take()
	if r.before, err = footprintOf(ctx, t); err != nil {
		return err
	}
	healthy.Take() // these calls overlapped with a garbage collection
	if err := r.measureLoad(ctx, t); err != nil {
		return err
	}
	r.during = healthy.Take()
	rig.Sleep(ctx, restTime)
	r.after, err = footprintOf(ctx, t)
	return err
}

// measureLoad runs the load and records the peaks of agentconf.
func (r *scenarioResult) measureLoad(ctx context.Context, t *target) (err error) {
	running, cancel := context.WithTimeout(ctx, r.time)
	defer cancel()
	before, err := rig.ReadClocks(t.Pid())
	if err != nil {
		return err
	}
	stop := rig.Background(ctx, func(ctx context.Context) error {
		r.peak.goroutines = peakGoroutines(ctx, t.Admin)
		return nil
	})
	r.others, err = r.run(running, t)
	stop()
	after, clocksErr := rig.ReadClocks(t.Pid())
	r.foreign = after.Since(before, 0).Foreign
	m, memoryErr := rig.MemoryOf(t.Process)
	r.peak.residentMB = m.Peak / 1e6
	return errors.Join(err, clocksErr, memoryErr)
}

// footprintOf reads the resident memory before it runs the garbage collector.
func footprintOf(ctx context.Context, t *target) (footprint, error) {
	m, memoryErr := rig.MemoryOf(t.Process)
	v, err := rig.ReadVitalsAfterGC(ctx, t.Admin)
	return footprint{m.Now / 1e6, v.Values[1] * 1024 / 1e6, v.Values[2]}, errors.Join(memoryErr, err)
}

// peakGoroutines returns the most goroutines until ctx is done, of four samples a second.
func peakGoroutines(ctx context.Context, admin string) (peak float64) {
	for rig.Sleep(ctx, 250*time.Millisecond) {
		v, _ := rig.ReadVitals(ctx, admin) // may fail under load, and is 0 then
		peak = max(peak, v.Values[2])
	}
	return peak
}

// stallGateway stops the gateway as a debugger does: its connections remain, without a reply.
func stallGateway(ctx context.Context, t *target) (rig.Outcomes, error) {
	if err := t.gateway.Signal(syscall.SIGSTOP); err != nil {
		return rig.Outcomes{}, err
	}
	defer t.gateway.Signal(syscall.SIGCONT)
	return t.drive(20, func(d *rig.Driver) error { return d.Open(ctx, 500, math.MaxInt) })
}

// offerTenfold offers ten times the calls that a limit of 200 in flight admits: the
// gateway takes 200 ms, so that is 200 calls five times a second.
func offerTenfold(ctx context.Context, t *target) (rig.Outcomes, error) {
	return t.drive(100, func(d *rig.Driver) error { return d.Open(ctx, 10*5*200, math.MaxInt) })
}

// keepCallers returns a load of n callers, who call again at once, or a second after a refusal.
func keepCallers(n int) func(ctx context.Context, t *target) (rig.Outcomes, error) {
	return func(ctx context.Context, t *target) (rig.Outcomes, error) {
		return t.drive(100, func(d *rig.Driver) error { return d.Closed(ctx, n, 0) })
	}
}

// openIdleConnections opens the connections over 6 s. Each makes one call.
func openIdleConnections(ctx context.Context, t *target) (rig.Outcomes, error) {
	o, err := t.drive(idleConnections, func(d *rig.Driver) error {
		if err := d.Open(ctx, idleConnections/6, idleConnections); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	return rig.Outcomes{}, errors.Join(err, o.Err())
}

// checkQuiet returns an error if foreign processes disturbed a load.
func checkQuiet(all []*scenarioResult) (err error) {
	for _, r := range all {
		if busy := rig.CheckQuiet(r.foreign); busy != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", r.name, busy))
		}
	}
	return err
}

func printCallers(all []*scenarioResult) {
	title := fmt.Sprintf("healthy callers: p99 at most %.0f times that before; others: p99 of refusals at most %.0f ms",
		maxSlower, maxRefusalMs)
	header := "scenario\tp50 ms before\tduring\tp99 ms before\tduring\t\tof calls\trefused\tfailed\t" +
		"others' OK\trefused\tp99 ms\t\tfailed\t"
	rig.PrintTable(os.Stdout, title, header, all, func(r *scenarioResult) string {
		before, during := rig.Quantile(r.quiet.Ok, 0.99), rig.Quantile(r.during.Ok, 0.99)
		return fmt.Sprintf("%s\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%d\t%d\t%s\t%s", r.name,
			rig.Quantile(r.quiet.Ok, 0.5), rig.Quantile(r.during.Ok, 0.5), before, during, rig.Verdict(during/before, maxSlower),
			len(r.during.Ok)+len(r.during.Refused), len(r.during.Refused), r.during.Failures(), othersCells(r.others))
	})
}

// othersCells returns the cells of callers other than the healthy ones, if they make holds.
func othersCells(o rig.Outcomes) string {
	if o.Failed == nil {
		return "-\t-\t-\t\t-\t"
	}
	p99, bar := "-", ""
	if len(o.Refused) > 0 {
		ms := rig.Quantile(o.Refused, 0.99)
		p99, bar = fmt.Sprintf("%.1f", ms), rig.Verdict(ms, maxRefusalMs)
	}
	return fmt.Sprintf("%d\t%d\t%s\t%s\t%s\t", len(o.Ok), len(o.Refused), p99, bar, o.Failures())
}

func printFootprints(all []*scenarioResult) {
	title := fmt.Sprintf("memory and goroutines: before, peak, and %v after; goroutines after at most %.2f times before",
		restTime, maxKept)
	header := "scenario\tRSS MB before\tpeak\tafter\tlive heap MB before\tafter\tgoroutines before\tpeak\tafter\t\tforeign\t"
	rig.PrintTable(os.Stdout, title, header, all, func(r *scenarioResult) string {
		return fmt.Sprintf("%s\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t%s\t%.0f %%\t", r.name,
			r.before.residentMB, r.peak.residentMB, r.after.residentMB, r.before.heapMB, r.after.heapMB,
			r.before.goroutines, r.peak.goroutines, r.after.goroutines,
			rig.Verdict(r.after.goroutines/r.before.goroutines, maxKept), 100*r.foreign)
	})
}
