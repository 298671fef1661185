//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"text/tabwriter"
	"time"
)

const (
	healthyRate = 200 // calls a second of healthy callers, to another node than the others
	nodeGUID    = "5f2b8e0c6d414f7d9a3e1b7c0d9f4a62.AgentGateway2"

	quietTime = 5 * time.Second
	restTime  = 10 * time.Second // until what an overload took has to be given back

	maxSlower    = 2.0  // p99 of healthy callers, to that of before
	maxRefusalMs = 5.0  // p99 of calls that are refused
	maxKept      = 1.05 // memory and goroutines after the rest, to those of before
)

// burden is what agentconf has to bear while healthy callers call.
type burden struct {
	name     string
	delay    time.Duration // of the gateway that the burden is with
	flags    []string      // of agentconf
	duration time.Duration
	make     func(ctx context.Context, p *pair, duration time.Duration) (outcomes, error)
}

var burdens = []burden{
	{"gateway stalls, 500 calls a second to it", 0, nil, 30 * time.Second, stall},
	{"10 times what a limit of 200 in flight bears", 200 * time.Millisecond, []string{"--max-in-flight", "200"}, 20 * time.Second, tenfold(200)},
	{"10,000 callers at once, defaults", 0, nil, 20 * time.Second, manyCallers},
	{"10,000 callers at once, a limit of 500", 0, []string{"--max-in-flight", "500"}, 20 * time.Second, manyCallers},
	{"10,000 idle connections", 0, nil, 15 * time.Second, idle},
	{"1,000 slow senders", 0, nil, 15 * time.Second, slowClients},
}

// runOverload shows what healthy callers notice of each burden, and what stays of it.
func runOverload(ctx context.Context, _ []string) error {
	start := time.Now()
	dir, server, err := prepare(ctx)
	defer os.RemoveAll(dir)
	if err != nil {
		return err
	}
	var all []borne
	for _, t := range burdens {
		b, err := bear(ctx, dir, server, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		all = append(all, b)
		fmt.Fprintln(os.Stderr, t.name, "done")
	}
	printCallers(all)
	printFootprints(all)
	fmt.Printf("\nIt all took %v.\n", time.Since(start).Round(time.Second))
	return nil
}

// borne is what one burden showed.
type borne struct {
	name                string
	quiet, during       outcomes // of healthy callers
	others              outcomes // of those who make the burden, if they call
	before, peak, after footprint
}

// bear starts agentconf anew, with a node of its own for healthy callers, and has it bear t.
func bear(ctx context.Context, dir, server string, t burden) (b borne, err error) {
	b.name = t.name
	a, err := freeAddresses(2)
	if err != nil {
		return b, err
	}
	node, err := startGateway(ctx, dir, "node", a[0], a[1], 0)
	if err != nil {
		return b, err
	}
	defer node.stop()
	p, err := newPair(ctx, dir, server, t.delay, append(t.flags, "--gateway-node", "AgentGateway2=http://"+a[0])...)
	if err != nil {
		return b, err
	}
	defer p.stop()
	healthy, err := newCallers(p.grpc, nodeGUID, 4)
	if err != nil {
		return b, err
	}
	defer healthy.close()
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- healthy.offer(healthyRate, end) }()
	err = b.phases(ctx, p, healthy, t)
	close(end)
	return b, errors.Join(err, <-ended, healthy.settle())
}

// phases are the quiet, the burden, and the rest.
func (b *borne) phases(ctx context.Context, p *pair, healthy *callers, t burden) (err error) {
	time.Sleep(quietTime)
	b.quiet = healthy.take()
	if b.before, err = footprintOf(ctx, p); err != nil {
		return err
	}
	healthy.take()
	peak := watchPeak(ctx, p)
	b.others, err = t.make(ctx, p, t.duration)
	b.during = healthy.take()
	b.peak = peak()
	if err != nil {
		return err
	}
	time.Sleep(restTime)
	b.after, err = footprintOf(ctx, p)
	return err
}

// after is a channel that is closed then.
func after(d time.Duration) <-chan struct{} {
	end := make(chan struct{})
	time.AfterFunc(d, func() { close(end) })
	return end
}

// stall stops the gateway as a debugger would: its connections stay, and it says nothing.
func stall(_ context.Context, p *pair, duration time.Duration) (outcomes, error) {
	gateway := p.gateway.cmd.Process
	if err := gateway.Signal(syscall.SIGSTOP); err != nil {
		return outcomes{}, err
	}
	defer gateway.Signal(syscall.SIGCONT)
	return calling(p, 20, func(c *callers) error { return c.offer(500, after(duration)) })
}

// tenfold offers ten times as many calls as may be answered: inFlight, five times a second.
func tenfold(inFlight int) func(context.Context, *pair, time.Duration) (outcomes, error) {
	return func(_ context.Context, p *pair, duration time.Duration) (outcomes, error) {
		return calling(p, 100, func(c *callers) error { return c.offer(10*5*inFlight, after(duration)) })
	}
}

// manyCallers call again as soon as they are answered, or a second after they are refused.
func manyCallers(_ context.Context, p *pair, duration time.Duration) (outcomes, error) {
	return calling(p, 100, func(c *callers) error { return c.keep(10_000, after(duration)) })
}

// calling has callers call, and waits for the end of their calls.
func calling(p *pair, connections int, call func(c *callers) error) (outcomes, error) {
	c, err := newCallers(p.grpc, guid, connections)
	if err != nil {
		return outcomes{}, err
	}
	defer c.close()
	err = errors.Join(call(c), c.settle())
	return c.take(), err
}

func idle(_ context.Context, p *pair, duration time.Duration) (outcomes, error) {
	end := after(duration)
	clients, err := eachOf(idleClients, func(int) (client, error) {
		time.Sleep(20 * time.Millisecond) // they come in 6 s, not all at once
		return holdOnce(p.grpc)
	})
	defer closeAll(clients)
	if err == nil {
		<-end
	}
	return outcomes{}, err
}

func slowClients(_ context.Context, p *pair, duration time.Duration) (outcomes, error) {
	s := newSlowSenders(1000, p.grpc, p.http)
	defer s.stop()
	<-after(duration)
	if s.cut.Load() == 0 {
		return outcomes{}, errors.New("no slow sender was cut off")
	}
	return outcomes{}, nil
}

func printCallers(all []borne) {
	fmt.Printf("\nhealthy callers, whose p99 may be %.0f times that of before, and the others, of whom 99 %% are refused in %.0f ms if they are\n\n", maxSlower, maxRefusalMs)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "burden\tp50 ms before\tduring\tp99 ms before\tduring\t\tof calls\trefused\tfailed\tothers' OK\trefused\tp99 ms\t\tfailed\t")
	for _, b := range all {
		before, during := quantile(b.quiet.ok, 0.99), quantile(b.during.ok, 0.99)
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%d\t%d\t%s\t%s\n", b.name,
			quantile(b.quiet.ok, 0.5), quantile(b.during.ok, 0.5), before, during, verdict(during/before, maxSlower),
			len(b.during.ok)+len(b.during.refused), len(b.during.refused), b.during.failures(), othersCells(b.others))
	}
}

func othersCells(t outcomes) string {
	if t.failed == nil {
		return "-\t-\t-\t\t-\t"
	}
	refusal, bar := "-", ""
	if len(t.refused) > 0 {
		p99 := quantile(t.refused, 0.99)
		refusal, bar = fmt.Sprintf("%.1f", p99), verdict(p99, maxRefusalMs)
	}
	return fmt.Sprintf("%d\t%d\t%s\t%s\t%s\t", len(t.ok), len(t.refused), refusal, bar, t.failures())
}
