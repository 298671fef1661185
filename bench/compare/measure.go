package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"agentconf/server/bench/rig"
)

const (
	maxTries  = 3               // for a slice that foreign processes disturb; then it is dropped
	maxWait   = 3 * time.Minute // for a quiet machine, over a whole regime
	firstRate = 5000.0          // holds a second, before a variant's rate is known
	maxQuiet  = 5 * time.Second // for a quiet machine, before one slice
)

// regime is one way to load variants side by side.
type regime struct {
	title    string
	variants []*variant
	rounds   int
	length   time.Duration // of a slice
	fixed    float64       // holds a second, or 0 for as many as possible

	// prepare prepares the load of a slice. The function that it returns makes n holds.
	prepare func(ctx context.Context, v *variant, n int) (func() (load, error), error)
}

// load is what a load generator did in a slice.
type load struct {
	holds int
	data  int           // bytes of all bodies, or 0 if every reply was checked
	rate  float64       // holds a second
	ms    []float64     // latencies, if they are known
	cpu   time.Duration // of a generator that has ended
}

// check returns an error if a load of v cannot be trusted. The stub must have seen every
// hold. The replies must have the proved length, as h2load does not look at grpc-status.
func (l load) check(v *variant, seen int) error {
	if seen == l.holds && (l.data == 0 || l.data == l.holds*v.replySize) {
		return nil
	}
	return fmt.Errorf("%s: %d holds, but the stub saw %d requests, and the replies had %d bytes, want %d each",
		v.name, l.holds, seen, l.data, v.replySize)
}

// sample is the result of one slice.
type sample struct {
	load
	cpu, foreign float64
}

// figures are one figure of all samples, by variant.
type figures map[string][]float64

// series is the samples of a regime, by variant.
type series struct {
	regime
	cpu      figures // µs of the measured process for a hold
	foreign  figures // share of both cores that foreign processes had
	rate     figures // holds a second
	p50, p99 figures // latencies in ms
	repeated int
	dropped  int
	wait     time.Duration // left to wait for a quiet machine
	took     time.Duration
}

// measure takes the slices of a regime, round by round, and prints the result, in case a
// later regime fails. It returns an error if the figures cannot be trusted: a hold failed,
// or took another way.
func (b *testbed) measure(ctx context.Context, r regime) (*series, error) {
	s := &series{regime: r, cpu: figures{}, foreign: figures{}, rate: figures{}, p50: figures{}, p99: figures{}, wait: maxWait}
	start := time.Now()
	for i := range 2 * len(r.variants) { // slices that do not count; their rate gives the next ones their length
		if _, err := b.takeSlice(ctx, s, r.variants[i/2]); err != nil {
			return nil, err
		}
	}
	for round := range r.rounds {
		for _, i := range rand.Perm(len(r.variants)) { // so that no variant always follows the same neighbour
			if err := b.takeCleanSlice(ctx, s, r.variants[i]); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(os.Stderr, "\r%s: round %d of %d ", r.title, round+1, r.rounds)
	}
	fmt.Fprintln(os.Stderr)
	s.took = time.Since(start)
	printSeries(s)
	return s, nil
}

// takeCleanSlice takes a slice that foreign processes do not disturb, or drops it.
func (b *testbed) takeCleanSlice(ctx context.Context, s *series, v *variant) error {
	for try := range maxTries {
		if try > 0 {
			s.repeated++
		}
		s.awaitQuiet(ctx)
		got, err := b.takeSlice(ctx, s, v)
		if err != nil {
			return err
		}
		if got.foreign <= rig.MaxForeign {
			s.cpu[v.name] = append(s.cpu[v.name], got.cpu)
			s.foreign[v.name] = append(s.foreign[v.name], got.foreign)
			s.rate[v.name] = append(s.rate[v.name], got.rate)
			s.p50[v.name] = append(s.p50[v.name], rig.Quantile(got.ms, 0.5))
			s.p99[v.name] = append(s.p99[v.name], rig.Quantile(got.ms, 0.99))
			return nil
		}
	}
	s.dropped++
	if 4*s.dropped > 3*s.rounds*len(s.variants) {
		return fmt.Errorf("%s: foreign processes use the cores all the time; %w", s.title, rig.ErrUnsound)
	}
	return nil
}

// awaitQuiet waits until no other thread wants to run five times in a row.
func (s *series) awaitQuiet(ctx context.Context) {
	start := time.Now()
	limit := min(maxQuiet, s.wait)
	for quiet := 0; quiet < 5 && time.Since(start) < limit && ctx.Err() == nil; {
		time.Sleep(4 * time.Millisecond)
		quiet++
		if stat, err := rig.Proc.Stat(); err == nil && stat.ProcessesRunning > 1 { // this thread runs
			quiet = 0
		}
	}
	s.wait -= time.Since(start)
}

// takeSlice measures one slice.
func (b *testbed) takeSlice(ctx context.Context, s *series, v *variant) (got sample, err error) {
	n := max(int(cmp.Or(s.fixed, v.rate, firstRate)*s.length.Seconds()), 64)
	run, err := s.prepare(ctx, v, n)
	if err != nil {
		return got, err
	}
	before, seenBefore, err := b.read(ctx, v)
	if err != nil {
		return got, err
	}
	if got.load, err = run(); err != nil {
		return got, err
	}
	time.Sleep(5 * time.Millisecond) // while the connections of the load close
	after, seen, err := b.read(ctx, v)
	if err != nil {
		return got, err
	}
	v.rate = got.rate
	used := after.Since(before, got.load.cpu)
	got.cpu, got.foreign = float64(used.CPU.Nanoseconds())/1000/float64(got.holds), used.Foreign
	return got, got.check(v, seen-seenBefore)
}

// read returns the clocks, and how many requests the stub has seen.
func (b *testbed) read(ctx context.Context, v *variant) (rig.Clocks, int, error) {
	seen, seenErr := b.seen(ctx)
	c, err := rig.ReadClocks(v.process.Pid())
	return c, seen, errors.Join(seenErr, err)
}
