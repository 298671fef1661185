package rig

import (
	"slices"
	"strings"
	"testing"
)

const metrics = `# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 75
go_memstats_heap_alloc_bytes 2.097152e+06
go_memstats_heap_alloc_bytes_total 9e+09
grpc_server_handled_total{grpc_code="OK",grpc_method="HoldParticipant"} 3
process_open_fds 13
process_resident_memory_bytes 1.048576e+07
`

func TestParseMetrics(t *testing.T) {
	got, err := parseMetrics(metrics, vitalMetrics...)
	if want := []float64{10 << 20, 2 << 20, 75, 13}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, without := range []string{"go_goroutines 75\n", "process_open_fds 13\n"} {
		if got, err := parseMetrics(strings.Replace(metrics, without, "", 1), vitalMetrics...); err == nil {
			t.Errorf("without %q: %v, want an error", without, got)
		}
	}
}
