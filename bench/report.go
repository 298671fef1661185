//go:build linux

package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

func (s *series) column(id string, of func(sample) float64) []float64 {
	var column []float64
	for _, each := range s.samples[id] {
		column = append(column, of(each))
	}
	return column
}

func cpuColumn(x sample) float64     { return x.cpu }
func rateColumn(x sample) float64    { return x.rate }
func foreignColumn(x sample) float64 { return x.foreign }
func p50Column(x sample) float64     { return x.p50 }
func p99Column(x sample) float64     { return x.p99 }

// cost is the CPU of a hold in µs.
type cost struct{ p25, median, p75 float64 }

func (s *series) cost(id string) cost {
	c := s.column(id, cpuColumn)
	return cost{quantile(c, 0.25), quantile(c, 0.5), quantile(c, 0.75)}
}

// over is by how much a hold costs more than in other, by the median and by the
// lower quartile.
func (c cost) over(other cost) (median, p25 float64) {
	return c.median / other.median, c.p25 / other.p25
}

// yardstick is the variant that v is compared with: nginx with the same protocol
// on either side, as far as nginx speaks it.
func yardstick(v *variant) *variant {
	name := "nginx h1"
	if v.kind != jsonH1 {
		name = "nginx h2"
	}
	return &variant{name: name, tls: v.tls}
}

func printSeries(s *series) {
	fmt.Printf("\n%s\n%d rounds of %v slices in %v; %d slices repeated, %d dropped, as others had over %.0f %% of the cores\n\n",
		s.title, s.rounds, s.slice, s.took.Round(1e9), s.repeated, s.dropped, 100*maxForeign)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	header := "variant\tslices\tholds/s\tCPU µs\tp25\tspread\tto nginx\tp25\tto ReverseProxy h1\tp25\tforeign\t"
	if s.rate > 0 {
		header += "p50 µs\tp99\tp50 over nginx\t"
	}
	fmt.Fprintln(w, header)
	for _, v := range s.variants {
		printRow(w, s, v)
	}
}

func printRow(w *tabwriter.Writer, s *series, v *variant) {
	id := v.id()
	c := s.cost(id)
	median, p25 := c.over(s.cost(yardstick(v).id()))
	goMedian, goP25 := c.over(s.cost((&variant{name: "ReverseProxy h1", tls: v.tls}).id()))
	fmt.Fprintf(w, "%s\t%d\t%.0f\t%.1f\t%.1f\t%.0f %%\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f %%\t",
		id, len(s.samples[id]), quantile(s.column(id, rateColumn), 0.5), c.median, c.p25,
		100*(c.p75-c.p25)/c.median, median, p25, goMedian, goP25,
		100*quantile(s.column(id, foreignColumn), 0.5))
	if s.rate > 0 {
		p50 := quantile(s.column(id, p50Column), 0.5)
		nginx := quantile(s.column(yardstick(v).id(), p50Column), 0.5)
		fmt.Fprintf(w, "%.0f\t%.0f\t%+.0f\t", p50, quantile(s.column(id, p99Column), 0.5), p50-nginx)
	}
	fmt.Fprintln(w)
}
