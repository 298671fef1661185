//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	// maxForeign is how much of the two cores others may have had in a slice.
	maxForeign = 0.10

	// maxTries is how often a slice is tried that others disturb; then it is dropped.
	maxTries = 3

	// maxWait bounds the time that a regime waits for a quiet machine, all together.
	maxWait = 3 * time.Minute
)

// regime is one way of loading variants side by side.
type regime struct {
	title    string
	variants []*variant
	rounds   int
	slice    time.Duration

	// prepare gets the load of a slice ready; what it returns makes n holds.
	prepare func(ctx context.Context, v *variant, n int) (func() (load, error), error)
	rate    float64 // holds a second, if it is fixed
}

// sample is what one slice showed.
type sample struct {
	cpu     float64 // µs of the measured process a hold
	rate    float64 // holds a second
	foreign float64 // part of both cores that others had
	p50     float64 // µs, or 0
	p99     float64
}

// series is all samples of a regime.
type series struct {
	regime
	samples  map[string][]sample // by variant
	repeated int
	dropped  int
	wait     time.Duration // left to wait for a quiet machine
	took     time.Duration
}

// measure takes the slices of a regime, round by round. An error means that the
// figures are worth nothing: a hold failed, or went another way.
func (r *rig) measure(ctx context.Context, g regime) (*series, error) {
	s := &series{regime: g, samples: map[string][]sample{}, wait: maxWait}
	start := time.Now()
	for _, v := range g.variants {
		if err := r.warmUp(ctx, s, v); err != nil {
			return nil, err
		}
	}
	for round := range g.rounds {
		for _, i := range order(len(g.variants), round) {
			if err := r.cleanSlice(ctx, s, g.variants[i]); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(os.Stderr, "\r%s: round %d of %d ", g.title, round+1, g.rounds)
	}
	fmt.Fprintln(os.Stderr)
	s.took = time.Since(start)
	return s, nil
}

// warmUp takes slices that do not count, until the rate is known well enough to
// make the next one as long as it should be.
func (r *rig) warmUp(ctx context.Context, s *series, v *variant) error {
	v.rate = 5000
	if s.rate > 0 {
		v.rate = s.rate
	}
	for range 2 {
		if _, err := r.takeSlice(ctx, s, v); err != nil {
			return err
		}
	}
	return nil
}

// cleanSlice takes a slice that others do not disturb, or none.
func (r *rig) cleanSlice(ctx context.Context, s *series, v *variant) error {
	for try := range maxTries {
		if try > 0 {
			s.repeated++
		}
		s.awaitQuiet(ctx)
		got, err := r.takeSlice(ctx, s, v)
		if err != nil {
			return err
		}
		if got.foreign <= maxForeign {
			s.samples[v.id()] = append(s.samples[v.id()], got)
			return nil
		}
	}
	s.dropped++
	if 4*s.dropped > 3*s.rounds*len(s.variants) {
		return fmt.Errorf("%s: others use the cores all the time; %w", s.title, errUnsound)
	}
	return nil
}

// awaitQuiet waits until nobody else wants to run, for 5 s at most.
func (s *series) awaitQuiet(ctx context.Context) {
	start := time.Now()
	limit := min(5*time.Second, s.wait)
	for quiet := 0; quiet < 5 && time.Since(start) < limit && ctx.Err() == nil; {
		time.Sleep(4 * time.Millisecond)
		quiet++
		if running() > 1 {
			quiet = 0
		}
	}
	s.wait -= time.Since(start)
}

// running is how many threads run or want to, this one among them.
func running() int {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load1, load5, load15 float64
	var n int
	fmt.Sscanf(strings.Replace(string(text), "/", " ", 1), "%f %f %f %d", &load1, &load5, &load15, &n)
	return n
}

// takeSlice measures one slice.
func (r *rig) takeSlice(ctx context.Context, s *series, v *variant) (sample, error) {
	n := max(int(v.rate*s.slice.Seconds()), 64)
	run, err := s.prepare(ctx, v, n)
	if err != nil {
		return sample{}, err
	}
	seen, err := r.upstreamCount(ctx)
	if err != nil {
		return sample{}, err
	}
	l, got, err := r.clocked(v, run)
	if err != nil {
		return sample{}, err
	}
	seenAfter, err := r.upstreamCount(ctx)
	if err != nil {
		return sample{}, err
	}
	if s.rate == 0 {
		v.rate = l.rate
	}
	return got, l.check(v, seenAfter-seen-1) // without the request of the counting
}

// clocked reads the clocks on either side of a load.
func (r *rig) clocked(v *variant, run func() (load, error)) (load, sample, error) {
	before, err := readClocks(v.process, r.processes)
	if err != nil {
		return load{}, sample{}, err
	}
	l, err := run()
	if err != nil {
		return load{}, sample{}, err
	}
	time.Sleep(5 * time.Millisecond) // while the connections of the load close
	after, err := readClocks(v.process, r.processes)
	if err != nil {
		return load{}, sample{}, err
	}
	return l, after.since(before, l), nil
}

// clocks is who has used how much CPU so far.
type clocks struct {
	at     time.Time
	idle   time.Duration // of both cores
	ours   time.Duration // all that this program started and that still runs, and itself
	target time.Duration
}

func readClocks(target *process, ours []*process) (clocks, error) {
	c := clocks{at: time.Now()}
	var err error
	if c.target, err = cpuOf(target.pids...); err != nil {
		return c, err
	}
	all := []int{os.Getpid()}
	for _, p := range ours {
		all = append(all, p.pids...)
	}
	if c.ours, err = cpuOf(all...); err != nil {
		return c, err
	}
	c.idle, err = idleCPU()
	return c, err
}

// since is the sample between two readings.
func (c clocks) since(before clocks, l load) sample {
	all := 2 * c.at.Sub(before.at)
	foreign := all - (c.idle - before.idle) - (c.ours - before.ours) - l.cpu
	return sample{
		cpu:     float64((c.target - before.target).Nanoseconds()) / 1000 / float64(l.holds),
		rate:    l.rate,
		foreign: max(0, foreign.Seconds()/all.Seconds()),
		p50:     float64(l.p50.Microseconds()),
		p99:     float64(l.p99.Microseconds()),
	}
}
