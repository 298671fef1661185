package compare

import (
	"fmt"
	"os"
	"time"

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
	protocol := "nginx h2"
	if v.Kind == rig.JSONH1 {
		protocol = "nginx h1"
	}
	nginx, proxy := v.peer(protocol), v.peer("ReverseProxy h1")
	cpu := s.cpu[v.name]
	spread := (rig.Quantile(cpu, 0.75) - rig.Quantile(cpu, 0.25)) / rig.Quantile(cpu, 0.5)
	return fmt.Sprintf("%s\t%d\t%.0f\t%.1f\t%.1f\t%.0f %%\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f %%\t",
		v.name, len(cpu), rig.Quantile(s.rate[v.name], 0.5), rig.Quantile(cpu, 0.5), rig.Quantile(cpu, 0.25), 100*spread,
		s.ratio(v.name, nginx, 0.5), s.ratio(v.name, nginx, 0.25),
		s.ratio(v.name, proxy, 0.5), s.ratio(v.name, proxy, 0.25),
		100*rig.Quantile(s.foreign[v.name], 0.5))
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
		{"JSON to ReverseProxy h1", saturated, "agentconf JSON", "ReverseProxy h1", 0.9},
		{"gRPC, TLS to plain", saturated, "agentconf gRPC TLS", "agentconf gRPC", 1.3},
		{"JSON, TLS to plain", saturated, "agentconf JSON TLS", "agentconf JSON", 1.3},
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
