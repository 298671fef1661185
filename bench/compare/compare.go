// Package compare measures the CPU time of a hold next to other programs.
package compare

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"

	"agentconf/server/bench/rig"
)

const (
	// slice is long enough for the clocks, and short enough to find the cores quiet.
	slice = 400 * time.Millisecond

	pacedRate        = 4000 // holds a second
	pacedConnections = 40   // so that a connection has a hold every 10 ms
)

// Run measures in every regime and prints the results.
func Run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("compare", flag.ExitOnError)
	rounds := fs.Int("rounds", 20, "slices of every variant; 3 for a quick look, 60 to tell 5 % apart")
	base := fs.String("base", "", "another build of agentconf, which is measured beside this one")
	fs.Parse(args) // exits on an error
	// All threads of this program stay on the core of the load. More than one would wake
	// each other there, which delays a paced hold by 20 to 40 µs.
	runtime.GOMAXPROCS(1)
	pin := exec.Command("taskset", "-a", "-c", "-p", string(rig.LoadCore), strconv.Itoa(os.Getpid()))
	if text, err := pin.CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, text)
	}
	rig.PrintVersions(ctx)
	return rig.WithWorkspace(ctx, func(s *rig.Workspace) error { return compareAll(ctx, s, *rounds, *base) })
}

// compareAll measures programs that have a core of their own, and then programs that share
// both cores with the load.
func compareAll(ctx context.Context, s *rig.Workspace, rounds int, base string) error {
	one, err := newTestbed(ctx, s, rig.TargetCore, base, true)
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
	s.Stop()
	two, err := newTestbed(ctx, s, rig.BothCores, base, false)
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

// saturated returns the regime with as many holds as the core of the variant bears.
func (b *testbed) saturated(title string, rounds int) regime {
	return regime{
		title: title, variants: b.variants, rounds: rounds, length: slice,
		prepare: func(ctx context.Context, v *variant, n int) (func() (load, error), error) {
			// A few holds reopen connections to the gateway that were idle for too long.
			_, err := b.h2load(ctx, v, 512)
			return func() (load, error) { return b.h2load(ctx, v, n) }, err
		},
	}
}

// paced returns the regime with holds at even distances, which h2load cannot make. It has
// fewer variants and rounds, as its slices are longer.
func (b *testbed) paced(rounds int) regime {
	names := []string{"stub alone", "nginx h1", "nginx h2", "haproxy h1", "haproxy h2",
		"ReverseProxy h1", "agentconf gRPC", "agentconf JSON", "base gRPC", "base JSON"}
	return regime{
		title: fmt.Sprintf("%d holds a second at even distances, over %d connections, one core",
			pacedRate, pacedConnections),
		variants: slices.DeleteFunc(slices.Clone(b.variants), func(v *variant) bool {
			return !slices.Contains(names, v.name)
		}),
		rounds: max(2, rounds*6/10), length: time.Second, fixed: pacedRate, prepare: preparePaced,
	}
}

// preparePaced opens the connections of a slice, which are not part of it. The function
// that it returns makes n holds.
func preparePaced(ctx context.Context, v *variant, n int) (func() (load, error), error) {
	d := rig.NewDriver(v.Target, pacedConnections)
	run := func(n int) (load, error) {
		start := time.Now()
		if err := d.Open(ctx, pacedRate, n); err != nil {
			return load{}, err
		}
		took, o := time.Since(start), d.Take()
		return load{holds: len(o.Ok), rate: float64(n) / took.Seconds()}, o.Err()
	}
	if _, err := run(pacedConnections); err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	return func() (load, error) {
		defer d.Close()
		return run(n)
	}, nil
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

// h2load makes n holds as fast as possible, 64 in flight. A number of holds ends it, and
// not a time, so that no hold is cut off and both sides can be counted.
func (b *testbed) h2load(ctx context.Context, v *variant, n int) (load, error) {
	if err := ctx.Err(); err != nil {
		return load{}, err
	}
	cmd := rig.Command(rig.LoadCore, b.h2loadArgs(v, n)...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("h2load: %w\n%s", err, text)
	}
	l, err := parseH2load(string(text))
	if err != nil {
		return load{}, err
	}
	if l.holds != n {
		return load{}, fmt.Errorf("%d of %d holds of %s succeeded:\n%s", l.holds, n, v.name, text)
	}
	l.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return l, nil
}

// h2loadArgs returns a command with 64 holds in flight: over 64 connections of HTTP/1.1, or
// 4 of HTTP/2 with 16 streams each.
func (b *testbed) h2loadArgs(v *variant, n int) []string {
	args := []string{"h2load", "-t1", "-n" + strconv.Itoa(n), "-H", "guid: " + v.GUID}
	if v.Kind == rig.JSONH1 {
		args = append(args, "--h1", "-c64", "-m1")
	} else {
		args = append(args, "-c4", "-m16")
	}
	if v.Kind == rig.GRPCH2 {
		args = append(args, "-H", "te: trailers")
	}
	contentType, _ := v.Encoded()
	return append(args, "-H", "content-type: "+contentType, "-d", b.bodyFile(v.Kind), "http://"+v.Address+v.Path)
}

// bodyFile returns the file with the body of a hold, which h2load sends.
func (b *testbed) bodyFile(k rig.Kind) string { return filepath.Join(b.Dir, "hold-"+string(k)) }

func (b *testbed) writeBodies() (err error) {
	for _, k := range []rig.Kind{rig.JSONH1, rig.JSONH2, rig.GRPCH2} {
		_, body := rig.Target{Kind: k}.Encoded()
		err = errors.Join(err, os.WriteFile(b.bodyFile(k), body, 0o644))
	}
	return err
}

// h2loadSummary matches the rate, the holds that were done and succeeded, those with HTTP
// status 2xx, and the bytes of all bodies.
var h2loadSummary = regexp.MustCompile(`(?s)finished in [^\n]*, ([0-9.]+) req/s.*?` +
	` (\d+) done, (\d+) succeeded.*?status codes: (\d+) 2xx.*?\((\d+)\) data`)

// parseH2load reads the summary of h2load.
func parseH2load(text string) (l load, err error) {
	m := h2loadSummary.FindStringSubmatch(text)
	if m == nil {
		return load{}, fmt.Errorf("h2load printed an unknown summary:\n%s", text)
	}
	if m[2] != m[3] || m[2] != m[4] {
		return load{}, fmt.Errorf("holds failed under load:\n%s", text)
	}
	l.rate, _ = strconv.ParseFloat(m[1], 64) // the pattern matches digits only
	l.holds, _ = strconv.Atoi(m[2])
	l.data, _ = strconv.Atoi(m[5])
	return l, nil
}

// stubRequests matches the line of nginx with connections accepted, handled, and requests.
var stubRequests = regexp.MustCompile(`(?m)^ (\d+) (\d+) (\d+) $`)

// requestsSeen returns how many requests the stub has seen, including this one.
func (b *testbed) requestsSeen(ctx context.Context) (int, error) {
	text, err := rig.Fetch(ctx, b.status, "/")
	if err != nil {
		return 0, err
	}
	return parseStubStatus(text)
}

func parseStubStatus(text string) (int, error) {
	m := stubRequests.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no request count in the status of nginx: %q", text)
	}
	return strconv.Atoi(m[3])
}
