package rig

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Vitals is the consumption of a process at a time, in the order of VitalNames.
type Vitals struct {
	At     time.Time
	Values [4]float64 // memory in KiB
}

// VitalNames describe the values of Vitals.
var (
	VitalNames   = [...]string{"resident memory, KiB", "heap in use, KiB", "goroutines", "open files"}
	vitalMetrics = []string{
		"process_resident_memory_bytes", "go_memstats_heap_alloc_bytes", "go_goroutines", "process_open_fds",
	}
)

// ReadVitals reads the metrics of an agentconf at its admin address.
func ReadVitals(ctx context.Context, admin string) (Vitals, error) {
	text, err := Fetch(ctx, admin, "/metrics")
	if err != nil {
		return Vitals{}, err
	}
	return parseVitals(text)
}

// ReadVitalsAfterGC runs the garbage collector of an agentconf before it reads the metrics.
func ReadVitalsAfterGC(ctx context.Context, admin string) (Vitals, error) {
	if err := CollectGarbage(ctx, admin); err != nil {
		return Vitals{}, err
	}
	return ReadVitals(ctx, admin)
}

// CollectGarbage runs the garbage collector of an agentconf.
func CollectGarbage(ctx context.Context, admin string) error {
	_, err := Fetch(ctx, admin, "/debug/pprof/heap?gc=1")
	return err
}

// Fetch returns the body of a response with HTTP status 200.
func Fetch(ctx context.Context, address, path string) (string, error) {
	resp, err := jsonFront{"http://" + address, http.DefaultClient}.send(ctx, "GET", path, "", nil)
	if err != nil {
		return "", err
	}
	text, err := readBody(resp)
	return string(text), err
}

// parseVitals reads the text format of Prometheus.
func parseVitals(text string) (v Vitals, err error) {
	v.At = time.Now()
	for i, name := range vitalMetrics {
		if v.Values[i], err = parseMetric(text, name); err != nil {
			return v, err
		}
	}
	v.Values[0] /= 1024
	v.Values[1] /= 1024
	return v, nil
}

// parseMetric returns the value of a metric without labels.
func parseMetric(text, name string) (float64, error) {
	_, rest, _ := strings.Cut("\n"+text, "\n"+name+" ")
	value, _, _ := strings.Cut(rest, "\n")
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, fmt.Errorf("metric %s: %w", name, err)
	}
	return v, nil
}

// ReadMetrics returns metrics of an agentconf that have no labels.
func ReadMetrics(ctx context.Context, admin string, names ...string) (map[string]float64, error) {
	text, err := Fetch(ctx, admin, "/metrics")
	values := map[string]float64{}
	for _, name := range names {
		if err == nil {
			values[name], err = parseMetric(text, name)
		}
	}
	return values, err
}
