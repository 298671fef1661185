//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"text/tabwriter"
	"time"
)

var inFlights = []int{1, 10, 100, 1000, 5000, 10000}

const (
	maxKiBPerHold = 30
	maxIdleMB     = 225
	idleClients   = 10000
	watchers      = 1000

	// openFiles is what a process needs at most: a connection to the gateway for
	// every hold in flight, and those of the clients.
	openFiles = 12000
)

// prepare builds the server in a directory that its caller removes, if many connections
// can be opened here.
func prepare(ctx context.Context) (dir, server string, err error) {
	if err := checkOpenFiles(); err != nil {
		return "", "", err
	}
	if dir, err = os.MkdirTemp("", "agentconf-bench-"); err != nil {
		return "", "", err
	}
	if server, err = build(ctx, dir, "./server"); err != nil {
		return dir, "", err
	}
	printVersions(ctx)
	return dir, server, nil
}

// runScale shows what agentconf, as it runs by default, takes for many calls, many
// connections and many watches.
func runScale(ctx context.Context, _ []string) error {
	start := time.Now()
	dir, server, err := prepare(ctx)
	defer os.RemoveAll(dir)
	if err != nil {
		return err
	}
	for _, delay := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
		if err := inFlightTable(ctx, dir, server, delay); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context, string, string) error{shrinking, idleConnections, watching} {
		if err := part(ctx, dir, server); err != nil {
			return err
		}
	}
	fmt.Printf("\nNo call failed. It all took %v.\n", time.Since(start).Round(time.Second))
	return nil
}

func checkOpenFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < openFiles {
		return fmt.Errorf("the hard limit of open files is %d, and it takes %d: ulimit -Hn %[2]d", limit.Max, openFiles)
	}
	return nil
}

// pair is agentconf in front of a slow gateway. Both run on both cores, as do the
// clients.
type pair struct {
	gateway, agentconf *process
	grpc, http, admin  string // addresses of agentconf
	statistics         string // address of the gateway's
	before             memory // of agentconf after its first call
}

// newPair starts both; agentconf gets further flags.
func newPair(ctx context.Context, dir, server string, delay time.Duration, flags ...string) (*pair, error) {
	a, err := freeAddresses(5)
	if err != nil {
		return nil, err
	}
	p := &pair{grpc: a[2], http: a[3], admin: a[4], statistics: a[1]}
	p.gateway, err = startGateway(ctx, dir, "slow-gateway", a[0], a[1], delay)
	if err != nil {
		return nil, err
	}
	command := append([]string{server, "serve", "--grpc-listen", p.grpc, "--http-listen", p.http,
		"--admin-listen", p.admin, "--agent-rate", "0",
		"--drain-delay", "0", "--probe-interval", "0", "--gateway", "http://" + a[0]}, flags...)
	p.agentconf, err = start(ctx, dir, "agentconf", bothCores, command, p.grpc, p.http, p.admin)
	if err != nil {
		p.gateway.stop()
		return nil, err
	}
	if err := p.begin(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *pair) begin() error {
	c, err := holdOnce(p.grpc)
	if err != nil {
		return err
	}
	defer c.Close()
	p.before, err = p.memory()
	return err
}

func (p *pair) memory() (memory, error) { return memoryOf(p.agentconf.cmd.Process.Pid) }

func (p *pair) clocks() (clocks, error) {
	return readClocks(p.agentconf, []*process{p.agentconf, p.gateway})
}

func (p *pair) stop() {
	p.agentconf.stop()
	p.gateway.stop()
}

func inFlightTable(ctx context.Context, dir, server string, delay time.Duration) error {
	fmt.Printf("\na gateway that takes %v; memory per hold at most %d KiB with %d in flight; "+
		"fewer than 1 new connection per 1000 calls\n\n", delay, maxKiBPerHold, inFlights[len(inFlights)-1])
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "in flight\tholds\tholds/s\tp50 ms\tp99 ms\tCPU µs/hold\t"+
		"RSS MB before\tpeak\tKiB/hold\t\tnew connections/1000 calls\t\tothers' CPU\t")
	for _, n := range inFlights {
		if err := inFlightRow(ctx, w, dir, server, delay, n); err != nil {
			return err
		}
	}
	return nil
}

func inFlightRow(ctx context.Context, w io.Writer, dir, server string, delay time.Duration, inFlight int) error {
	p, err := newPair(ctx, dir, server, delay)
	if err != nil {
		return err
	}
	defer p.stop()
	before, err := p.clocks()
	if err != nil {
		return err
	}
	duration := max(4*time.Second, 4*delay)
	later := statsAt(ctx, p.statistics, before.at.Add(duration/2))
	var f fleet
	if err := f.run(p.grpc, inFlight, duration, delay); err != nil {
		return err
	}
	after, err := p.clocks()
	if err != nil {
		return err
	}
	m, err := p.memory()
	if err != nil {
		return err
	}
	end, err := statsOf(ctx, p.statistics)
	middle := <-later
	if err := errors.Join(err, middle.err); err != nil {
		return err
	}
	spent := after.since(before, load{holds: len(f.latencies)})
	fresh := 1000 * float64(end.Opened-middle.Opened) / float64(end.Requests-middle.Requests)
	fmt.Fprintf(w, "%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%s\t%.2f\t%s\t%.0f %%\t\n",
		inFlight, len(f.latencies), float64(len(f.latencies))/after.at.Sub(before.at).Seconds(),
		quantile(f.latencies, 0.5), quantile(f.latencies, 0.99), spent.cpu,
		megabytes(p.before.now), megabytes(m.peak), memoryCells(inFlight, m.peak-p.before.now),
		fresh, verdict(fresh, 0.999), 100*spent.foreign)
	return nil
}

// memoryCells is the memory of a hold and what to think of it: with few in flight it
// is that of the process, and up to the collector's limit mostly garbage.
func memoryCells(inFlight, grownKiB int) string {
	perHold := float64(grownKiB) / float64(inFlight)
	switch {
	case inFlight < 1000:
		return "-\t"
	case inFlight < inFlights[len(inFlights)-1]:
		return fmt.Sprintf("%.1f\t", perHold)
	}
	return fmt.Sprintf("%.1f\t%s", perHold, verdict(perHold, maxKiBPerHold))
}

func megabytes(kib int) float64 { return float64(kib) * 1024 / 1e6 }

// timedStats is what a gateway had seen at some time.
type timedStats struct {
	gatewayStats
	err error
}

// statsAt asks a gateway at a later time.
func statsAt(ctx context.Context, address string, at time.Time) <-chan timedStats {
	result := make(chan timedStats, 1)
	time.AfterFunc(time.Until(at), func() {
		stats, err := statsOf(ctx, address)
		result <- timedStats{stats, err}
	})
	return result
}

// shrinking shows that connections to the gateway follow the calls in flight.
func shrinking(ctx context.Context, dir, server string) error {
	const delay = 200 * time.Millisecond
	p, err := newPair(ctx, dir, server, delay)
	if err != nil {
		return err
	}
	defer p.stop()
	fmt.Printf("\nconnections to the gateway, of which agentconf keeps idle ones for 15 s\n\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "in flight\tfor\topen\tat most\t\t")
	for _, step := range []struct {
		inFlight int
		duration time.Duration
		atMost   int
	}{
		{1000, 3 * time.Second, 1100},
		{10, 20 * time.Second, 20},
		{0, 18 * time.Second, 0},
	} {
		var f fleet
		idle := time.After(step.duration)
		if err := f.run(p.grpc, step.inFlight, step.duration, delay); err != nil {
			return err
		}
		<-idle
		stats, err := statsOf(ctx, p.statistics)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%v\t%d\t%d\t%s\t\n", step.inFlight, step.duration, stats.Open, step.atMost,
			verdict(float64(stats.Open), float64(step.atMost)))
	}
	return nil
}
