package compare

import (
	"context"
	"fmt"
	"os"
	"time"

	"agentconf/server/bench/rig"
)

const (
	slowRate        = 1000                 // holds a second
	slowDelay       = 5 * time.Millisecond // of the gateway
	slowConnections = 40                   // so that a connection has a hold every 40 ms
	maxAddedP50     = 0.15                 // ms more than nginx
	maxAddedP99     = 0.5
)

// paced returns the regime with holds at even distances, which h2load cannot make. It has
// fewer rounds, as its slices are longer.
func (b *testbed) paced(rounds int) regime {
	return regime{
		title: fmt.Sprintf("%d holds a second at even distances, over %d connections, a gateway that takes %v, one core",
			slowRate, slowConnections, slowDelay),
		variants: b.variants, rounds: max(2, rounds*6/10), length: 2 * time.Second, fixed: slowRate,
		prepare: preparePaced,
	}
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

// preparePaced opens the connections of a slice, which are not part of it. The function that
// it returns makes n holds.
func preparePaced(ctx context.Context, v *variant, n int) (func() (load, error), error) {
	d := rig.NewDriver(v.Target, slowConnections)
	run := func(n int) (load, error) {
		start := time.Now()
		if err := d.Open(ctx, slowRate, n); err != nil {
			return load{}, err
		}
		took, o := time.Since(start), d.Take()
		return load{holds: len(o.Ok), rate: float64(n) / took.Seconds(), ms: o.Ok}, o.Err()
	}
	if _, err := run(slowConnections); err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	return func() (load, error) {
		defer d.Close()
		return run(n)
	}, nil
}
