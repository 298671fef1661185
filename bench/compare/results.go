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
	header := "variant\tslices\tholds/s\tCPU µs\tp25\tspread\tto nginx\tp25\tforeign\t"
	rig.PrintTable(os.Stdout, title, header, s.variants, s.cells)
}

// cells returns the row of a variant, which is compared with nginx with the same protocol in.
func (s *series) cells(v *variant) string {
	cpu := s.cpu[v.name]
	spread := (rig.Quantile(cpu, 0.75) - rig.Quantile(cpu, 0.25)) / rig.Quantile(cpu, 0.5)
	return fmt.Sprintf("%s\t%d\t%.0f\t%.1f\t%.1f\t%.0f %%\t%.2f\t%.2f\t%.1f %%\t",
		v.name, len(cpu), rig.Quantile(s.rate[v.name], 0.5), rig.Quantile(cpu, 0.5), rig.Quantile(cpu, 0.25), 100*spread,
		s.ratio(v.name, v.nginx(), 0.5), s.ratio(v.name, v.nginx(), 0.25), 100*rig.Quantile(s.foreign[v.name], 0.5))
}

// draw returns a plot of the CPU time of a hold of every variant. The whiskers are the quartiles.
func (s *series) draw() []byte {
	var bars []plot.Bar
	for _, v := range s.variants {
		if cpu := s.cpu[v.name]; len(cpu) > 0 {
			bars = append(bars, plot.Bar{Name: v.name, Value: rig.Quantile(cpu, 0.5),
				Low: rig.Quantile(cpu, 0.25), High: rig.Quantile(cpu, 0.75), Group: v.group()})
		}
	}
	return plot.Bars("CPU time of a hold, µs, "+s.title, bars)
}

// group returns the colour of a variant: agentconf, what it stands on, another bridge or
// proxy in Go, or nginx.
func (v *variant) group() int {
	for i, names := range []string{"agentconf base", "bare grpc-gateway", "usual Caddy"} {
		if first, _, _ := strings.Cut(v.name, " "); slices.Contains(strings.Fields(names), first) {
			return i + 1
		}
	}
	return 0
}

// bar is the limit of a ratio of two variants.
type bar struct {
	a, b  string
	limit float64
}

func printBars(s *series, withBase bool) {
	bars := []bar{
		{"agentconf gRPC", "nginx h2", 1.15},
		{"agentconf JSON", "nginx h1", 2.9},
		{"agentconf gRPC", "usual bridge gRPC", 0.55},
		{"agentconf JSON", "usual bridge JSON", 0.45},
	}
	if withBase {
		bars = append(bars, bar{"agentconf gRPC", "base gRPC", 1.03}, bar{"agentconf JSON", "base JSON", 1.03})
	}
	title := "bars, CPU time of a hold, by the median"
	rig.PrintTable(os.Stdout, title, "variant\tto\tat most\tmeasured\tp25\t\t", bars, func(b bar) string {
		median := s.ratio(b.a, b.b, 0.5)
		return fmt.Sprintf("%s\t%s\t%.2f\t%.2f\t%.2f\t%s\t",
			b.a, b.b, b.limit, median, s.ratio(b.a, b.b, 0.25), rig.Verdict(median, b.limit))
	})
}
