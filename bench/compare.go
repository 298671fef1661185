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
	start := time.Now()
	// All threads of this program stay on the core of the load. More than one would wake
	// each other there, which delays a paced hold by 20 to 40 µs.
	runtime.GOMAXPROCS(1)
	pin := exec.Command("taskset", "-a", "-c", "-p", string(loadCore), strconv.Itoa(os.Getpid()))
	if text, err := pin.CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, text)
	}
	s, err := newWorkspace(ctx)
	defer s.close()
	if err != nil {
		return err
	}
	s.base = *base
	printVersions(ctx)
	saturated, paced, err := s.compareOnOneCore(ctx, *rounds)
	if err != nil {
		return err
	}
	s.stop()
	shared, err := s.compareOnTwoCores(ctx, *rounds)
	if err != nil {
		return err
	}
	printBars(saturated, paced, s.base != "")
	fmt.Printf("\nTotal time: %v.\n", time.Since(start).Round(time.Second))
	return checkSlices(saturated, paced, shared)
}

// compareOnOneCore measures programs that have a core of their own. It prints every table
// at once, in case a later regime fails.
func (s *workspace) compareOnOneCore(ctx context.Context, rounds int) (saturated, paced *series, err error) {
	b, err := s.newTestbed(ctx, targetCore, true)
	if err != nil {
		return nil, nil, err
	}
	if saturated, err = b.measure(ctx, b.saturated("saturated, one core", rounds)); err != nil {
		return nil, nil, err
	}
	printSeries(saturated)
	if paced, err = b.measure(ctx, b.paced(rounds)); err != nil {
		return nil, nil, err
	}
	printSeries(paced)
	return saturated, paced, nil
}

// compareOnTwoCores measures programs that share both cores with the load.
func (s *workspace) compareOnTwoCores(ctx context.Context, rounds int) (*series, error) {
	b, err := s.newTestbed(ctx, bothCores, false)
	if err != nil {
		return nil, err
	}
	shared, err := b.measure(ctx, b.saturated("saturated, two cores shared with the load, without bars", rounds))
	if err == nil {
		printSeries(shared)
	}
	return shared, err
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
	if err := d.open(ctx, pacedRate, pacedConnections); err != nil {
		return nil, err
	}
	if err := d.take().err(); err != nil {
		return nil, fmt.Errorf("%s: %w", v.id(), err)
	}
	return func() (load, error) {
		defer d.close()
		start := time.Now()
		if err := d.open(ctx, pacedRate, n); err != nil {
			return load{}, err
		}
		o := d.take()
		return load{
			holds: len(o.ok), rate: float64(n) / time.Since(start).Seconds(),
			p50: 1000 * quantile(o.ok, 0.5), p99: 1000 * quantile(o.ok, 0.99),
		}, o.err()
	}, nil
}

// checkSlices reports whether enough slices of every variant were undisturbed. A quarter
// is enough, as undisturbed slices differ by 1 to 2 % only.
func checkSlices(all ...*series) error {
	for _, s := range all {
		for _, v := range s.variants {
			if n := len(s.samples[v.id()]); 4*n < s.rounds {
				return fmt.Errorf("%s, %s: only %d of %d slices were undisturbed; %w", s.title, v.id(), n, s.rounds, errUnsound)
			}
		}
	}
	return nil
}
