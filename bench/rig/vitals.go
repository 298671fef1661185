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
func ReadVitals(ctx context.Context, admin string) (v Vitals, err error) {
	metrics, err := ReadMetrics(ctx, admin, vitalMetrics...)
	if err != nil {
		return v, err
	}
	v.At = time.Now()
	copy(v.Values[:], metrics)
	v.Values[0] /= 1024
	v.Values[1] /= 1024
	return v, nil
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

// ReadMetrics returns metrics of an agentconf that have no labels.
func ReadMetrics(ctx context.Context, admin string, names ...string) ([]float64, error) {
	text, err := Fetch(ctx, admin, "/metrics")
	if err != nil {
		return nil, err
	}
	return parseMetrics(text, names...)
}

// parseMetrics reads the text format of Prometheus.
func parseMetrics(text string, names ...string) (values []float64, err error) {
	for _, name := range names {
		_, rest, _ := strings.Cut("\n"+text, "\n"+name+" ")
		value, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", name, err)
		}
		values = append(values, v)
	}
	return values, nil
}
