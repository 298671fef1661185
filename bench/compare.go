//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const slice = 400 * time.Millisecond

// compare measures in every regime and prints what it found.
func compare(ctx context.Context, rounds int) error {
	start := time.Now()
	dir, err := os.MkdirTemp("", "agentconf-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// All threads of this program stay on the core of the load.
	pin := exec.Command("taskset", "-a", "-c", "-p", string(loadCore), strconv.Itoa(os.Getpid()))
	if text, err := pin.CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, text)
	}
	server, err := build(ctx, dir, "./server")
	if err != nil {
		return err
	}
	printVersions(ctx)
	saturated, paced, err := oneCore(ctx, filepath.Join(dir, "one"), server, rounds)
	if err != nil {
		return err
	}
	onTwo, err := twoCores(ctx, filepath.Join(dir, "two"), server, rounds)
	if err != nil {
		return err
	}
	printBars(saturated, paced)
	printNotes()
	fmt.Printf("\nIt all took %v.\n", time.Since(start).Round(time.Second))
	return sound(saturated, paced, onTwo)
}

// oneCore measures what is pinned to a core of its own. Every table is printed as
// soon as it is there, in case that a later regime fails.
func oneCore(ctx context.Context, dir, server string, rounds int) (saturated, paced *series, err error) {
	r, err := newRig(ctx, dir, server, targetCore, true)
	defer r.stop()
	if err != nil {
		return nil, nil, err
	}
	if saturated, err = r.saturated(ctx, "saturated, one core", rounds); err != nil {
		return nil, nil, err
	}
	printSeries(saturated)
	printTLS(saturated)
	if paced, err = r.paced(ctx, rounds); err != nil {
		return nil, nil, err
	}
	printSeries(paced)
	return saturated, paced, nil
}

// twoCores measures what shares both cores with the load.
func twoCores(ctx context.Context, dir, server string, rounds int) (*series, error) {
	r, err := newRig(ctx, dir, server, bothCores, false)
	defer r.stop()
	if err != nil {
		return nil, err
	}
	s, err := r.saturated(ctx, "saturated, two cores shared with the load: no bar holds here", rounds)
	if err == nil {
		printSeries(s)
	}
	return s, err
}

func (r *rig) paced(ctx context.Context, rounds int) (*series, error) {
	return r.measure(ctx, regime{
		title: fmt.Sprintf("%d holds a second at even distances, over %d connections, one core", pacedRate, pacedConnections),
		variants: r.find(false, "stub alone", "nginx h1", "nginx h2", "haproxy h1", "haproxy h2",
			"ReverseProxy h1", "agentconf gRPC", "agentconf JSON"),
		rounds:  max(2, rounds*6/10),
		slice:   time.Second,
		rate:    pacedRate,
		prepare: r.pacedLoad,
	})
}

func (r *rig) saturated(ctx context.Context, title string, rounds int) (*series, error) {
	return r.measure(ctx, regime{
		title:    title,
		variants: r.variants,
		rounds:   rounds,
		slice:    slice,
		prepare: func(ctx context.Context, v *variant, n int) (func() (load, error), error) {
			// A few holds reopen connections to the gateway that were idle too long.
			_, err := r.h2load(ctx, v, 512)
			return func() (load, error) { return r.h2load(ctx, v, n) }, err
		},
	})
}

// sound reports whether enough slices were left undisturbed: a quarter is, as those
// that are differ by one or two percent.
func sound(all ...*series) error {
	for _, s := range all {
		for _, v := range s.variants {
			if n := len(s.samples[v.id()]); 4*n < s.rounds {
				return fmt.Errorf("%s, %s: only %d of %d slices were undisturbed; %w", s.title, v.id(), n, s.rounds, errUnsound)
			}
		}
	}
	return nil
}
