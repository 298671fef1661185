package soak

import (
	"fmt"
	"io"
	"math"
	"slices"

	"agentconf/server/bench/rig"
)

// trend is the slope of the straight line through values over time, and its standard error.
type trend struct{ slope, err float64 }

// trendOf fits the line by least squares, through three values or more.
func trendOf(at, values []float64) trend {
	n := float64(len(at))
	if n < 3 {
		return trend{math.NaN(), math.NaN()}
	}
	meanAt, mean := sum(at)/n, sum(values)/n
	var spread, both float64
	for i := range at {
		spread += (at[i] - meanAt) * (at[i] - meanAt)
		both += (at[i] - meanAt) * (values[i] - mean)
	}
	slope := both / spread
	var residue float64
	for i := range at {
		off := values[i] - mean - slope*(at[i]-meanAt)
		residue += off * off
	}
	return trend{slope, math.Sqrt(residue / (n - 2) / spread)}
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// printVitals prints how each of the vitals developed.
func printVitals(to io.Writer, title string, all []rig.Vitals) {
	var minutes []float64
	for _, v := range all {
		minutes = append(minutes, v.At.Sub(all[0].At).Minutes())
	}
	header := "\tfirst\tlast\tlowest\thighest\tslope a minute\tstandard error\t"
	rig.PrintTable(to, title, header, []int{0, 1, 2, 3}, func(i int) string {
		var values []float64
		for _, v := range all {
			values = append(values, v.Values[i])
		}
		line := trendOf(minutes, values)
		return fmt.Sprintf("%s\t%.0f\t%.0f\t%.0f\t%.0f\t%+.2f\t%.2f\t", rig.VitalNames[i], values[0], values[len(values)-1],
			slices.Min(values), slices.Max(values), line.slope, line.err)
	})
}
