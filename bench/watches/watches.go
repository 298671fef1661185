// Package watches measures memory, CPU time and delay of events with many watched agents.
package watches

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"agentconf/server/bench/rig"
)

const (
	// warm is the number of events of each agent before a measurement, as fast as agentconf
	// polls. Together with those of a minute they fill a replay window of two minutes.
	warm = 12

	// warmTimeout bounds the time for them. With many agents the cores limit their rate.
	warmTimeout = 5 * time.Minute
)

// options are the settings of a run.
type options struct {
	rig.Schedule
	agents   []int
	duration time.Duration
	svg      string
}

// Run measures each number of watched agents with a new gateway and a new agentconf.
func Run(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	rig.PrintVersions(ctx)
	var steps []*step
	err = rig.WithWorkspace(ctx, func(s *rig.Workspace) error {
		for _, n := range o.agents {
			x := &step{agents: n}
			if err := x.run(ctx, s, o); err != nil {
				return fmt.Errorf("%d agents: %w", n, err)
			}
			fmt.Fprintf(os.Stderr, "%d agents: done\n", n)
			steps = append(steps, x)
		}
		return nil
	})
	if len(steps) > 0 {
		printSteps(steps, o)
	}
	if err == nil && o.svg != "" {
		err = os.WriteFile(o.svg, draw(steps), 0o644)
	}
	for _, x := range steps {
		err = errors.Join(err, rig.CheckQuiet(x.foreign))
	}
	return err
}

func parseOptions(args []string) (o options, err error) {
	o.Schedule = rig.Schedule{Every: 5 * time.Second, Hold: 10 * time.Second, Warm: warm}
	fs := flag.NewFlagSet("watches", flag.ExitOnError)
	agents := fs.String("agents", "1000,5000,10000,18000", "numbers of watched agents")
	fs.DurationVar(&o.duration, "for", time.Minute, "length of a measurement")
	fs.StringVar(&o.svg, "svg", "", "file for a plot")
	fs.Parse(args) // exits on an error
	most := 0
	for field := range strings.SplitSeq(*agents, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-agents %q: must be numbers above 0", *agents)
		}
		o.agents, most = append(o.agents, n), max(most, n)
	}
	if o.duration < 4*time.Second {
		return o, errors.New("-for must be 4s or more")
	}
	// A process needs a connection for each agent, one for each streamsEach watches, and
	// a few files of its own.
	return o, rig.CheckLimits(uint64(most + most/streamsEach + 50))
}

// step is the measurement of one number of agents.
type step struct {
	agents        int
	before, after state
	seconds       []sample  // of the measurement
	delays        []float64 // ms
	peak          float64   // resident memory, bytes
	collections   float64   // of garbage, during the measurement
	foreign       float64   // share of both cores that foreign processes had
	events        int64     // of the whole run; none was lost
}

// sample is one second of a measurement.
type sample struct{ cpu, resident float64 } // share of a core, bytes

// state is the state of an agentconf after a garbage collection.
type state struct{ live, files float64 } // live is the heap and the stacks, in bytes

// run starts both programs and measures.
func (x *step) run(ctx context.Context, s *rig.Workspace, o options) (err error) {
	defer s.Stop()
	gateway, err := s.LaunchGateway(ctx, rig.BothCores, o.Schedule)
	if err != nil {
		return err
	}
	a, err := s.LaunchAgentconf(ctx, rig.BothCores, s.Binary, "http://"+gateway.Address, "--probe-interval", "0")
	if err != nil {
		return err
	}
	if x.before, err = readState(ctx, a); err != nil {
		return err
	}
	w, err := watchAgents(ctx, a.GRPC, x.agents, o.Warm)
	defer w.close()
	if err != nil {
		return err
	}
	if err := w.await(ctx, &w.started, int64(x.agents), time.Minute); err != nil {
		return fmt.Errorf("watches that have begun: %w", err)
	}
	if err := w.await(ctx, &w.warmed, int64(x.agents), warmTimeout); err != nil {
		return fmt.Errorf("agents with all events before the measurement: %w", err)
	}
	rig.Sleep(ctx, o.Every) // until the last agents are in the rhythm, too
	if err := x.measure(ctx, a, w, o.duration); err != nil {
		return err
	}
	return x.finish(ctx, gateway, a, w)
}

// measure records the delays, and every second the CPU time and memory.
func (x *step) measure(ctx context.Context, a rig.Agentconf, w *watchers, duration time.Duration) error {
	before, err := collections(ctx, a)
	if err != nil {
		return err
	}
	first, err := rig.ReadClocks(a.Pid())
	if err != nil {
		return err
	}
	w.measured.Store(true)
	last := first
	for end := time.Now().Add(duration); time.Now().Before(end) && rig.Sleep(ctx, time.Second); {
		now, err := rig.ReadClocks(a.Pid())
		m, memoryErr := rig.MemoryOf(a.Process)
		if err := errors.Join(err, memoryErr, w.err()); err != nil {
			return err
		}
		used := now.Since(last, 0)
		x.seconds = append(x.seconds, sample{used.CPU.Seconds() / used.Took.Seconds(), m.Now})
		x.peak, last = m.Peak, now
	}
	w.measured.Store(false)
	x.foreign = last.Since(first, 0).Foreign
	after, err := collections(ctx, a)
	x.collections, x.delays = after-before, w.takeDelays()
	return errors.Join(err, ctx.Err())
}

// finish stops the events. Every event that the gateway has handed out must come.
func (x *step) finish(ctx context.Context, gateway rig.Gateway, a rig.Agentconf, w *watchers) error {
	if err := gateway.StopEvents(ctx); err != nil {
		return err
	}
	rig.Sleep(ctx, time.Second) // for a reply that is being made
	counted, err := gateway.Count(ctx)
	if err != nil {
		return err
	}
	x.events = counted.Events
	if err := w.await(ctx, &w.received, x.events, 30*time.Second); err != nil {
		return fmt.Errorf("events were lost: %w", err)
	}
	x.after, err = readState(ctx, a)
	return err
}

// collections returns how often an agentconf has collected garbage.
func collections(ctx context.Context, a rig.Agentconf) (float64, error) {
	values, err := rig.ReadMetrics(ctx, a.Admin, "go_gc_duration_seconds_count")
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

func readState(ctx context.Context, a rig.Agentconf) (state, error) {
	if err := rig.CollectGarbage(ctx, a.Admin); err != nil {
		return state{}, err
	}
	v, err := rig.ReadMetrics(ctx, a.Admin,
		"go_memstats_heap_alloc_bytes", "go_memstats_stack_inuse_bytes", "process_open_fds")
	if err != nil {
		return state{}, err
	}
	return state{v[0] + v[1], v[2]}, nil
}
