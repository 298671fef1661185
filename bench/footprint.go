//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// footprint is what agentconf takes.
type footprint struct {
	rss        float64 // MB, resident
	live       float64 // MB of the heap in use, once what is not in use has been collected
	goroutines float64
}

// footprintOf has agentconf collect its garbage, after it has looked at the memory.
func footprintOf(ctx context.Context, p *pair) (footprint, error) {
	m, err := p.memory()
	if err != nil {
		return footprint{}, err
	}
	if _, err := fetch(ctx, "http://"+p.admin+"/debug/pprof/heap?gc=1"); err != nil {
		return footprint{}, err
	}
	f, err := gauges(ctx, p)
	f.rss = megabytes(m.now)
	return f, err
}

// gauges reads the heap and the goroutines.
func gauges(ctx context.Context, p *pair) (f footprint, err error) {
	text, err := fetch(ctx, "http://"+p.admin+"/metrics")
	if err != nil {
		return f, err
	}
	v, err := parseVitals(text)
	return footprint{live: v.values[1] * 1024 / 1e6, goroutines: v.values[2]}, err
}

// watchPeak looks at agentconf four times a second; what it returns ends that, and is the
// most that was seen.
func watchPeak(ctx context.Context, p *pair) func() footprint {
	end, peak := make(chan struct{}), make(chan footprint)
	go func() {
		var most footprint
		for {
			select {
			case <-end:
				peak <- most
				return
			case <-time.After(250 * time.Millisecond):
			}
			f, err := gauges(ctx, p)
			m, err2 := p.memory()
			if errors.Join(err, err2) != nil {
				continue // what matters asks again
			}
			most.rss, most.goroutines = max(most.rss, megabytes(m.now)), max(most.goroutines, f.goroutines)
		}
	}()
	return func() footprint {
		close(end)
		return <-peak
	}
}

func printFootprints(all []borne) {
	fmt.Printf("\nmemory and goroutines, before, at most, and %v after; they may be %.2f times those of before\n\n", restTime, maxKept)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "burden\tRSS MB before\tat most\tafter\t\tlive heap MB before\tafter\t\tgoroutines before\tat most\tafter\t\t")
	for _, b := range all {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%s\t%.1f\t%.1f\t%s\t%.0f\t%.0f\t%.0f\t%s\t\n", b.name,
			b.before.rss, b.peak.rss, b.after.rss, verdict(b.after.rss/b.before.rss, maxKept),
			b.before.live, b.after.live, verdict(b.after.live/b.before.live, maxKept),
			b.before.goroutines, b.peak.goroutines, b.after.goroutines, verdict(b.after.goroutines/b.before.goroutines, maxKept))
	}
}
