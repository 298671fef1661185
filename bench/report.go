package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// median returns the median of one figure of all samples of a variant.
func (s *series) median(id string, figure func(sample) float64) float64 {
	return s.quantile(id, 0.5, figure)
}

func (s *series) quantile(id string, q float64, figure func(sample) float64) float64 {
	var values []float64
	for _, each := range s.samples[id] {
		values = append(values, figure(each))
	}
	return quantile(values, q)
}

// cost is the CPU time of a hold in µs.
type cost struct{ p25, median, p75 float64 }

func (s *series) cost(id string) cost {
	cpu := func(x sample) float64 { return x.cpu }
	return cost{s.quantile(id, 0.25, cpu), s.median(id, cpu), s.quantile(id, 0.75, cpu)}
}

// over returns the ratio of two costs, by their medians and by their lower quartiles.
func (c cost) over(other cost) (median, p25 float64) {
	return c.median / other.median, c.p25 / other.p25
}

// baseline returns the ID of the variant that v is compared with: nginx with the same
// protocol on either side, as far as nginx speaks it.
func baseline(v *variant) string {
	if v.kind == jsonH1 {
		return suffixed("nginx h1", " TLS", v.tls)
	}
	return suffixed("nginx h2", " TLS", v.tls)
}

func printSeries(s *series) {
	title := fmt.Sprintf("%s\n%d rounds of %v slices in %v; %d slices repeated, %d dropped, "+
		"as foreign processes had over %.0f %% of the cores",
		s.title, s.rounds, s.slice, s.took.Round(time.Second), s.repeated, s.dropped, 100*maxForeign)
	header := "variant\tslices\tholds/s\tCPU µs\tp25\tspread\tto nginx\tp25\tto ReverseProxy h1\tp25\tforeign\t"
	if s.rate > 0 {
		header += "p50 µs\tp99\tp50 over nginx\t"
	}
	printTable(os.Stdout, title, header, s.variants, s.printRow)
}

func (s *series) printRow(w io.Writer, v *variant) {
	id := v.id()
	c := s.cost(id)
	nginx, nginxP25 := c.over(s.cost(baseline(v)))
	proxy, proxyP25 := c.over(s.cost(suffixed("ReverseProxy h1", " TLS", v.tls)))
	fmt.Fprintf(w, "%s\t%d\t%.0f\t%.1f\t%.1f\t%.0f %%\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f %%\t",
		id, len(s.samples[id]), s.median(id, func(x sample) float64 { return x.rate }), c.median, c.p25,
		100*(c.p75-c.p25)/c.median, nginx, nginxP25, proxy, proxyP25,
		100*s.median(id, func(x sample) float64 { return x.foreign }))
	if s.rate > 0 {
		p50, p99 := func(x sample) float64 { return x.p50 }, func(x sample) float64 { return x.p99 }
		fmt.Fprintf(w, "%.0f\t%.0f\t%+.0f\t", s.median(id, p50), s.median(id, p99), s.median(id, p50)-s.median(baseline(v), p50))
	}
	fmt.Fprintln(w)
}

// bar is the limit of a ratio of two variants.
type bar struct {
	name   string
	series *series
	a, b   string
	limit  float64
}

func printBars(saturated, paced *series, withBase bool) {
	bars := []bar{
		{"gRPC to nginx h2", saturated, "agentconf gRPC", "nginx h2", 1.15},
		{"JSON to nginx h1", saturated, "agentconf JSON", "nginx h1", 2.7},
		{"JSON /v1 to nginx h1", saturated, "agentconf JSON /v1", "nginx h1", 2.7},
		{"JSON to ReverseProxy h1", saturated, "agentconf JSON", "ReverseProxy h1", 0.9},
		{"JSON /v1 to ReverseProxy h1", saturated, "agentconf JSON /v1", "ReverseProxy h1", 0.9},
		{"gRPC, TLS to plain", saturated, "agentconf gRPC TLS", "agentconf gRPC", 1.3},
		{"JSON, TLS to plain", saturated, "agentconf JSON TLS", "agentconf JSON", 1.3},
		{"JSON /v1, TLS to plain", saturated, "agentconf JSON /v1 TLS", "agentconf JSON /v1", 1.3},
		{"gRPC paced, to nginx h2", paced, "agentconf gRPC", "nginx h2", 2.0},
	}
	if withBase {
		bars = append(bars, bar{"gRPC to base", saturated, "agentconf gRPC", "base gRPC", 1.03},
			bar{"JSON to base", saturated, "agentconf JSON", "base JSON", 1.03})
	}
	printTable(os.Stdout, "bars, CPU time of a hold, by the median", "bar\tat most\tmeasured\tp25\t\t", bars,
		func(w io.Writer, b bar) {
			median, p25 := b.series.cost(b.a).over(b.series.cost(b.b))
			fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%s\t\n", b.name, b.limit, median, p25, verdict(median, b.limit))
		})
}

// printVersions prints the versions of the measured programs, and the machine.
func printVersions(ctx context.Context) {
	const script = `git describe --always --dirty; go version; go list -m google.golang.org/grpc
		go list -m github.com/grpc-ecosystem/grpc-gateway/v2; nginx -v; haproxy -v | head -1; h2load --version
		uname -sr; grep -m 1 "model name" /proc/cpuinfo`
	text, _ := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput() // some programs may be absent
	fmt.Printf("%s", text)
}
