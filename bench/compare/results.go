package compare

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"agentconf/server/bench/plot"
	"agentconf/server/bench/rig"
)

// ratio returns the CPU time of a hold of variant a over that of b, by a quantile of their
// slices.
func (s *series) ratio(a, b string, q float64) float64 {
	return rig.Quantile(s.cpu[a], q) / rig.Quantile(s.cpu[b], q)
}

func printSeries(s *series) {
	title := fmt.Sprintf("%s\n%d rounds of %v slices in %v; %d slices repeated, %d dropped, "+
		"as foreign processes had over %.0f %% of the cores",
		s.title, s.rounds, s.length, s.took.Round(time.Second), s.repeated, s.dropped, 100*rig.MaxForeign)
	header := "variant\tslices\tholds/s\tCPU µs\tp25\tspread\tto nginx\tp25\tto ReverseProxy h1\tp25\tforeign\t"
	rig.PrintTable(os.Stdout, title, header, s.variants, s.cells)
}

// cells returns the row of a variant. It is compared with nginx with the same protocol on
// either side, as far as nginx speaks it.
func (s *series) cells(v *variant) string {
	nginx, proxy := v.nginx(), v.peer("ReverseProxy h1")
	cpu := s.cpu[v.name]
	spread := (rig.Quantile(cpu, 0.75) - rig.Quantile(cpu, 0.25)) / rig.Quantile(cpu, 0.5)
	var ratios strings.Builder
	for _, other := range []string{nginx, proxy} {
		for _, q := range []float64{0.5, 0.25} {
			if len(s.cpu[other]) == 0 {
				ratios.WriteString("-\t")
			} else {
				fmt.Fprintf(&ratios, "%.2f\t", s.ratio(v.name, other, q))
			}
		}
	}
	return fmt.Sprintf("%s\t%d\t%.0f\t%.1f\t%.1f\t%.0f %%\t%s%.1f %%\t",
		v.name, len(cpu), rig.Quantile(s.rate[v.name], 0.5), rig.Quantile(cpu, 0.5), rig.Quantile(cpu, 0.25),
		100*spread, &ratios, 100*rig.Quantile(s.foreign[v.name], 0.5))
}

// draw returns a plot of the CPU time of a hold of every variant that reaches the gateway
// without TLS. The whiskers are the quartiles.
func (s *series) draw() []byte {
	var bars []plot.Bar
	for _, v := range s.variants {
		if cpu := s.cpu[v.name]; len(cpu) > 0 && !strings.HasSuffix(v.name, tlsSuffix) {
			bars = append(bars, plot.Bar{Name: v.name, Value: rig.Quantile(cpu, 0.5),
				Low: rig.Quantile(cpu, 0.25), High: rig.Quantile(cpu, 0.75), Group: v.group()})
		}
	}
	return plot.Bars("CPU time of a hold, µs, "+s.title, bars)
}

// group returns the colour of a variant: agentconf, what it stands on, another bridge or
// proxy in Go, or a proxy in C.
func (v *variant) group() int {
	for i, names := range []string{"agentconf base", "bare grpc-gateway", "usual Caddy ReverseProxy"} {
		if first, _, _ := strings.Cut(v.name, " "); slices.Contains(strings.Fields(names), first) {
			return i + 1
		}
	}
	return 0
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
		{"JSON to nginx h1", saturated, "agentconf JSON", "nginx h1", 2.9},
		{"JSON to ReverseProxy h1", saturated, "agentconf JSON", "ReverseProxy h1", 0.9},
		{"gRPC, TLS to plain", saturated, "agentconf gRPC TLS", "agentconf gRPC", 1.3},
		{"JSON, TLS to plain", saturated, "agentconf JSON TLS", "agentconf JSON", 1.3},
		{"gRPC to the usual bridge", saturated, "agentconf gRPC", "usual bridge gRPC", 0.55},
		{"JSON to the usual bridge", saturated, "agentconf JSON", "usual bridge JSON", 0.45},
		{"gRPC paced, to nginx h2", paced, "agentconf gRPC", "nginx h2", 2.0},
	}
	if withBase {
		bars = append(bars, bar{"gRPC to base", saturated, "agentconf gRPC", "base gRPC", 1.03},
			bar{"JSON to base", saturated, "agentconf JSON", "base JSON", 1.03})
	}
	title := "bars, CPU time of a hold, by the median"
	rig.PrintTable(os.Stdout, title, "bar\tat most\tmeasured\tp25\t\t", bars, func(b bar) string {
		median := b.series.ratio(b.a, b.b, 0.5)
		return fmt.Sprintf("%s\t%.2f\t%.2f\t%.2f\t%s\t",
			b.name, b.limit, median, b.series.ratio(b.a, b.b, 0.25), rig.Verdict(median, b.limit))
	})
}
