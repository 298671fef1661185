// Package compare measures the CPU time of a hold next to other programs.
package compare

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"agentconf/server/bench/rig"
)

// slice is long enough for the clocks, and short enough to find the cores quiet.
const slice = 400 * time.Millisecond

// Run measures in every regime and prints the results.
func Run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("compare", flag.ExitOnError)
	rounds := fs.Int("rounds", 20, "slices of every variant; 3 for a quick look, 60 to tell 5 % apart")
	base := fs.String("base", "", "another build of agentconf, which is measured beside this one")
	svg := fs.String("svg", "", "file for a plot")
	fs.Parse(args) // exits on an error
	// All threads of this program stay on the core of the load. More than one would wake
	// each other there, which delays a paced hold by 20 to 40 µs.
	runtime.GOMAXPROCS(1)
	pin := exec.Command("taskset", "-a", "-c", "-p", string(rig.LoadCore), strconv.Itoa(os.Getpid()))
	if text, err := pin.CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, text)
	}
	rig.PrintVersions(ctx)
	return rig.WithWorkspace(ctx, func(s *rig.Workspace) error { return compareAll(ctx, s, *rounds, *base, *svg) })
}

// compareAll measures as many holds as a core bears, and then an even pace before a slow
// gateway.
func compareAll(ctx context.Context, s *rig.Workspace, rounds int, base, svg string) error {
	fast, err := newTestbed(ctx, s, base)
	if err != nil {
		return err
	}
	saturated, err := fast.measure(ctx, fast.saturated(rounds))
	if err != nil {
		return err
	}
	s.Stop()
	printBars(saturated, base != "")
	if svg != "" {
		if err := os.WriteFile(svg, saturated.draw(), 0o644); err != nil {
			return err
		}
	}
	slow, err := newSlowTestbed(ctx, s)
	if err != nil {
		return err
	}
	paced, err := slow.measure(ctx, slow.paced(rounds))
	if err != nil {
		return err
	}
	printLatency(paced)
	return checkSlices(saturated, paced)
}

// saturated returns the regime with as many holds as the core of the variant bears.
func (b *testbed) saturated(rounds int) regime {
	return regime{
		title: "saturated, one core", variants: b.variants, rounds: rounds, length: slice,
		prepare: func(ctx context.Context, v *variant, n int) (func() (load, error), error) {
			// A few holds reopen connections to the gateway that were idle for too long.
			_, err := b.h2load(ctx, v, 512)
			return func() (load, error) { return b.h2load(ctx, v, n) }, err
		},
	}
}

// checkSlices reports whether enough slices of every variant were undisturbed. A quarter
// is enough, as undisturbed slices differ by 1 to 2 % only.
func checkSlices(all ...*series) error {
	for _, s := range all {
		for _, v := range s.variants {
			if n := len(s.cpu[v.name]); 4*n < s.rounds {
				return fmt.Errorf("%s, %s: only %d of %d slices were undisturbed; %w",
					s.title, v.name, n, s.rounds, rig.ErrUnsound)
			}
		}
	}
	return nil
}
