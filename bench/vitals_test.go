//go:build linux

package main

import (
	"math"
	"strings"
	"testing"
)

func TestTrendOf(t *testing.T) {
	for _, test := range []struct {
		name       string
		at, values []float64
		want       trend
	}{
		{"a line", []float64{0, 1, 2, 3}, []float64{10, 12, 14, 16}, trend{2, 0}},
		{"no trend", []float64{0, 1, 2, 3}, []float64{5, 5, 5, 5}, trend{0, 0}},
		{"downwards, unevenly", []float64{0, 1, 10}, []float64{30, 27, 0}, trend{-3, 0}},
		// By hand: the squares of x are 5, the products 8; what is left is 1.2.
		{"noise", []float64{1, 2, 3, 4}, []float64{1, 3, 4, 6}, trend{1.6, math.Sqrt(0.2 / 2 / 5)}},
	} {
		got := trendOf(test.at, test.values)
		if math.Abs(got.slope-test.want.slope) > 1e-9 || math.Abs(got.err-test.want.err) > 1e-9 {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := trendOf([]float64{0, 1}, []float64{1, 2}); !math.IsNaN(got.slope) || !math.IsNaN(got.err) {
		t.Errorf("of two values: %+v, want no number", got)
	}
}

const metrics = `# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 75
go_memstats_heap_alloc_bytes 2.097152e+06
go_memstats_heap_alloc_bytes_total 9e+09
grpc_server_handled_total{grpc_code="OK",grpc_method="HoldParticipant"} 3
process_open_fds 13
process_resident_memory_bytes 1.048576e+07
`

func TestParseVitals(t *testing.T) {
	got, err := parseVitals(metrics)
	if want := [4]float64{10240, 2048, 75, 13}; err != nil || got.values != want {
		t.Errorf("%v, %v, want %v", got.values, err, want)
	}
	for _, without := range []string{"go_goroutines 75\n", "process_open_fds 13\n"} {
		if got, err := parseVitals(strings.Replace(metrics, without, "", 1)); err == nil {
			t.Errorf("without %q: %v, want an error", without, got.values)
		}
	}
}
