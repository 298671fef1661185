//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// vitals are what a process takes at a time, in the order of vitalNames.
type vitals struct {
	at     time.Time
	values [4]float64
}

var vitalNames = [4]string{"resident memory, KiB", "heap in use, KiB", "goroutines", "open files"}

// takeVitals reads the vitals of an agentconf at its operator's port, once its
// garbage has been collected.
func takeVitals(ctx context.Context, address string) (vitals, error) {
	if _, err := fetch(ctx, "http://"+address+"/debug/pprof/heap?gc=1"); err != nil {
		return vitals{}, err
	}
	text, err := fetch(ctx, "http://"+address+"/metrics")
	if err != nil {
		return vitals{}, err
	}
	v, err := parseVitals(text)
	v.at = time.Now()
	return v, err
}

func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP status %s", url, resp.Status)
	}
	return string(text), err
}

// parseVitals reads what Prometheus would.
func parseVitals(text string) (v vitals, err error) {
	metrics := [4]string{"process_resident_memory_bytes", "go_memstats_heap_alloc_bytes", "go_goroutines", "process_open_fds"}
	found := 0
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 || !slices.Contains(metrics[:], fields[0]) {
			continue
		}
		i := slices.Index(metrics[:], fields[0])
		if v.values[i], err = strconv.ParseFloat(fields[1], 64); err != nil {
			return v, err
		}
		found++
	}
	if found != len(metrics) {
		return v, fmt.Errorf("%d of %v in the metrics", found, metrics)
	}
	v.values[0] /= 1024
	v.values[1] /= 1024
	return v, nil
}

// trend is the straight line through values over time: its slope, and the standard
// error of that.
type trend struct{ slope, err float64 }

// trendOf fits by least squares. It takes three values.
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
	var left float64
	for i := range at {
		off := values[i] - mean - slope*(at[i]-meanAt)
		left += off * off
	}
	return trend{slope, math.Sqrt(left / (n - 2) / spread)}
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// printVitals prints how each of the vitals developed.
func printVitals(to io.Writer, all []vitals) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "\tfirst\tlast\tlowest\thighest\tslope a minute\tstandard error\t")
	var minutes []float64
	for _, v := range all {
		minutes = append(minutes, v.at.Sub(all[0].at).Minutes())
	}
	for i, name := range vitalNames {
		var values []float64
		for _, v := range all {
			values = append(values, v.values[i])
		}
		line := trendOf(minutes, values)
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%+.2f\t%.2f\t\n", name, values[0], values[len(values)-1],
			slices.Min(values), slices.Max(values), line.slope, line.err)
	}
}

// printIdle prints the vitals before and after a load.
func printIdle(to io.Writer, idle [2]vitals) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "\tbefore\tafter\t")
	for i, name := range vitalNames {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t\n", name, idle[0].values[i], idle[1].values[i])
	}
}
