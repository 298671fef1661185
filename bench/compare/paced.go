package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"agentconf/server/bench/rig"
)

const (
	pacedRate        = 4000 // holds a second
	pacedConnections = 40   // so that a connection has a hold every 10 ms

	slowRate    = 1000                 // holds a second
	slowDelay   = 5 * time.Millisecond // of the gateway
	maxAddedP50 = 0.15                 // ms more than nginx
	maxAddedP99 = 0.5
)

// paced returns the regime with holds at even distances, which h2load cannot make. It has
// fewer variants and rounds, as its slices are longer.
func (b *testbed) paced(rounds int) regime {
	return regime{
		title: fmt.Sprintf("%d holds a second at even distances, over %d connections, one core",
			pacedRate, pacedConnections),
		variants: b.few(), rounds: max(2, rounds*6/10), length: time.Second, fixed: pacedRate,
		prepare: preparePaced(pacedRate),
	}
}

// slow returns the regime for latencies in front of a slow gateway.
func (b *testbed) slow(rounds int) regime {
	return regime{
		title: fmt.Sprintf("%d holds a second at even distances, over %d connections, a gateway that takes %v, one core",
			slowRate, pacedConnections, slowDelay),
		variants: b.variants, rounds: max(2, rounds*6/10), length: 2 * time.Second, fixed: slowRate,
		prepare: preparePaced(slowRate),
	}
}

// newSlowTestbed starts a slow gateway, and nginx and agentconf in front of it.
func newSlowTestbed(ctx context.Context, s *rig.Workspace) (*testbed, error) {
	b := &testbed{Workspace: s, on: rig.TargetCore}
	gateway, err := s.LaunchSlowGateway(ctx, rig.LoadCore, slowDelay)
	if err != nil {
		return nil, err
	}
	b.seen = func(ctx context.Context) (int, error) {
		stats, err := gateway.Stats(ctx)
		return int(stats.Requests), err
	}
	b.add("stub alone", gateway.Process, rig.JSONTarget(rig.JSONH1, gateway.Address))
	u := upstream{"http", gateway.Address, ""}
	return b, errors.Join(b.startProxy(ctx, u, "nginx", "proxy.conf", "nginx", "-c"),
		b.startAgentconf(ctx, u, "agentconf", b.Binary))
}

// printLatency prints what a program adds to the latency of the gateway, and the
// difference to nginx with the same protocol. All are medians over the slices.
func printLatency(s *series) {
	title := fmt.Sprintf("latency in ms, added to that of the stub; at most %.2f and %.2f more than nginx",
		maxAddedP50, maxAddedP99)
	header := "variant\tp50\tp99\tadded p50\tadded p99\tp50 to nginx\t\tp99 to nginx\t\t"
	rig.PrintTable(os.Stdout, title, header, s.variants, func(v *variant) string {
		p50, p99 := rig.Quantile(s.p50[v.name], 0.5), rig.Quantile(s.p99[v.name], 0.5)
		nginx, stub := v.nginx(), "stub alone"
		more50, more99 := p50-rig.Quantile(s.p50[nginx], 0.5), p99-rig.Quantile(s.p99[nginx], 0.5)
		return fmt.Sprintf("%s\t%.2f\t%.2f\t%.2f\t%.2f\t%+.2f\t%s\t%+.2f\t%s\t", v.name, p50, p99,
			p50-rig.Quantile(s.p50[stub], 0.5), p99-rig.Quantile(s.p99[stub], 0.5),
			more50, rig.Verdict(more50, maxAddedP50), more99, rig.Verdict(more99, maxAddedP99))
	})
}

// few returns the variants of the regimes that compare less.
func (b *testbed) few() []*variant {
	names := []string{"stub alone", "nginx h1", "nginx h2", "haproxy h1", "haproxy h2",
		"ReverseProxy h1", "agentconf gRPC", "agentconf JSON", "base gRPC", "base JSON"}
	return slices.DeleteFunc(slices.Clone(b.variants), func(v *variant) bool { return !slices.Contains(names, v.name) })
}

// preparePaced returns a function that opens the connections of a slice, which are not
// part of it. The function that this one returns makes n holds, rate a second.
func preparePaced(rate float64) func(ctx context.Context, v *variant, n int) (func() (load, error), error) {
	return func(ctx context.Context, v *variant, n int) (func() (load, error), error) {
		d := rig.NewDriver(v.Target, pacedConnections)
		run := func(n int) (load, error) {
			start := time.Now()
			if err := d.Open(ctx, rate, n); err != nil {
				return load{}, err
			}
			took, o := time.Since(start), d.Take()
			return load{holds: len(o.Ok), rate: float64(n) / took.Seconds(), ms: o.Ok}, o.Err()
		}
		if _, err := run(pacedConnections); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		return func() (load, error) {
			defer d.Close()
			return run(n)
		}, nil
	}
}
