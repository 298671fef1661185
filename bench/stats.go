package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// quantile returns the value below which the part q of values lies, interpolated between
// two of them. Without values it returns NaN.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// verdict compares a measured value with its bar.
func verdict(measured, atMost float64) string {
	if measured <= atMost {
		return "PASS"
	}
	return "MISS"
}

// printTable prints a title and one row for every item. Tabs separate and end cells.
func printTable[T any](to io.Writer, title, header string, items []T, row func(w io.Writer, item T)) {
	fmt.Fprintf(to, "\n%s\n\n", title)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, header)
	for _, item := range items {
		row(w, item)
	}
	w.Flush()
}
