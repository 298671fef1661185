package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"
)

const (
	slice = 400 * time.Millisecond

	pacedRate        = 4000 // holds a second
	pacedConnections = 40
)

// runCompare measures in every regime and prints the results.
func runCompare(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("compare", flag.ExitOnError)
	rounds := fs.Int("rounds", 20, "slices of every variant; 3 for a quick look, 60 to tell 5 % apart")
	base := fs.String("base", "", "another build of agentconf, which is measured beside this one")
	fs.Parse(args) // exits on an error
	// All threads of this program stay on the core of the load. More than one would wake
	// each other there, which delays a paced hold by 20 to 40 µs.
	runtime.GOMAXPROCS(1)
	pin := exec.Command("taskset", "-a", "-c", "-p", string(loadCore), strconv.Itoa(os.Getpid()))
	if text, err := pin.CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, text)
	}
	printVersions(ctx)
	return withWorkspace(ctx, func(s *workspace) error { return s.compare(ctx, *rounds, *base) })
}

// compare measures programs that have a core of their own, and then programs that share
// both cores with the load.
func (s *workspace) compare(ctx context.Context, rounds int, base string) error {
	one, err := s.newTestbed(ctx, targetCore, base, true)
	if err != nil {
		return err
	}
	saturated, err := one.measure(ctx, one.saturated("saturated, one core", rounds))
	if err != nil {
		return err
	}
	paced, err := one.measure(ctx, one.paced(rounds))
	if err != nil {
		return err
	}
	s.stop()
	two, err := s.newTestbed(ctx, bothCores, base, false)
	if err != nil {
		return err
	}
	shared, err := two.measure(ctx, two.saturated("saturated, two cores shared with the load, without bars", rounds))
	if err != nil {
		return err
	}
	printBars(saturated, paced, base != "")
	return checkSlices(saturated, paced, shared)
}

func (b *testbed) saturated(title string, rounds int) regime {
	return regime{
		title: title, variants: b.variants, rounds: rounds, slice: slice,
		prepare: func(ctx context.Context, v *variant, n int) (func() (load, error), error) {
			// A few holds reopen connections to the gateway that were idle for too long.
			_, err := b.h2load(ctx, v, 512)
			return func() (load, error) { return b.h2load(ctx, v, n) }, err
		},
	}
}

func (b *testbed) paced(rounds int) regime {
	return regime{
		title: fmt.Sprintf("%d holds a second at even distances, over %d connections, one core", pacedRate, pacedConnections),
		variants: b.find("stub alone", "nginx h1", "nginx h2", "haproxy h1", "haproxy h2",
			"ReverseProxy h1", "agentconf gRPC", "agentconf JSON", "base gRPC", "base JSON"),
		rounds: max(2, rounds*6/10), slice: time.Second, rate: pacedRate, prepare: preparePaced,
	}
}

// preparePaced opens the connections of a slice, which are not part of it. The function
// that it returns makes n holds.
func preparePaced(ctx context.Context, v *variant, n int) (func() (load, error), error) {
	d := newDriver(v.target, pacedConnections)
	run := func(n int) (load, error) {
		start := time.Now()
		if err := d.open(ctx, pacedRate, n); err != nil {
			return load{}, err
		}
		took, o := time.Since(start), d.take()
		return load{holds: len(o.ok), rate: float64(n) / took.Seconds()}, o.err()
	}
	if _, err := run(pacedConnections); err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	return func() (load, error) {
		defer d.close()
		return run(n)
	}, nil
}

// checkSlices reports whether enough slices of every variant were undisturbed. A quarter
// is enough, as undisturbed slices differ by 1 to 2 % only.
func checkSlices(all ...*series) error {
	for _, s := range all {
		for _, v := range s.variants {
			if n := len(s.samples[v.name]); 4*n < s.rounds {
				return fmt.Errorf("%s, %s: only %d of %d slices were undisturbed; %w", s.title, v.name, n, s.rounds, errUnsound)
			}
		}
	}
	return nil
}
