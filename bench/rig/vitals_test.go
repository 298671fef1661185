package rig

import (
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

func TestParseVitals(t *testing.T) {
	got, err := parseVitals(metrics)
	if want := [4]float64{10240, 2048, 75, 13}; err != nil || got.Values != want {
		t.Errorf("%v, %v, want %v", got.Values, err, want)
	}
	for _, without := range []string{"go_goroutines 75\n", "process_open_fds 13\n"} {
		if got, err := parseVitals(strings.Replace(metrics, without, "", 1)); err == nil {
			t.Errorf("without %q: %v, want an error", without, got.Values)
		}
	}
}
