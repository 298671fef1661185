package rig

import (
	"context"
	"fmt"
	"io"
	"math"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
)

// Quantile returns the value below which the part q of values lies, interpolated between
// two of them. Without values it returns NaN.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at, part := math.Modf(q * float64(len(sorted)-1))
	low, high := sorted[int(at)], sorted[int(math.Ceil(at+part))]
	return low + part*(high-low)
}

// Verdict compares a measured value with its bar.
func Verdict(measured, atMost float64) string {
	if measured <= atMost {
		return "PASS"
	}
	return "MISS"
}

// PrintTable prints a title, and a table in Markdown with one row for every item. Tabs
// separate and end the cells of the header and of the rows.
func PrintTable[T any](to io.Writer, title, header string, items []T, row func(item T) string) {
	fmt.Fprintf(to, "\n%s\n\n", title)
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	printRow := func(cells string) {
		fmt.Fprintf(w, "| %s\t|\n", strings.ReplaceAll(strings.TrimSuffix(cells, "\t"), "\t", "\t| "))
	}
	printRow(header)
	printRow(strings.Repeat("---\t", strings.Count(header, "\t")))
	for _, item := range items {
		printRow(row(item))
	}
	w.Flush()
}

// PrintVersions prints the versions of the measured programs, and the machine.
func PrintVersions(ctx context.Context) {
	const script = `git describe --always --dirty; go version; go list -m google.golang.org/grpc
		go list -m github.com/grpc-ecosystem/grpc-gateway/v2; nginx -v; caddy version; h2load --version
		uname -sr; grep -m 1 "model name" /proc/cpuinfo`
	text, _ := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput() // some programs may be absent
	fmt.Printf("%s", text)
}
