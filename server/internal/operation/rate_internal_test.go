package operation

import (
	"math/rand/v2"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Invented GUIDs without end take no memory and nothing from a GUID within its limit. The
// metric counts those that took the slot of another.
func TestRateLimitIsBounded(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := newRateLimit(100, registry)
	const lawful, calls = 7, 100
	for n := range 4 * rateSlots {
		l.count(rand.Uint64(), 1)
		if n%(4*rateSlots/calls+1) == 0 && l.count(lawful, 1) > calls {
			t.Fatal("a GUID within its limit is rejected")
		}
	}
	if len(l.slots) != rateSlots {
		t.Errorf("%d slots, want %d", len(l.slots), rateSlots)
	}
	if got := evictionsOf(t, registry); got < rateSlots {
		t.Errorf("%v evictions, want at least %d", got, rateSlots)
	}
	if got := testing.AllocsPerRun(100, func() { l.count(rand.Uint64(), 2) }); got != 0 {
		t.Errorf("a new GUID takes %v allocations", got)
	}
}

// A GUID that takes the slot of another counts anew, and the other after it. A new second is
// no eviction.
func TestRateLimitSlot(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := newRateLimit(100, registry)
	const a, b = 5, 5 + rateSlots // have the same slot
	for i, step := range []struct {
		key          uint64
		second, want uint32
		evictions    float64
	}{
		{a, 1, 1, 0}, {a, 1, 2, 0}, {b, 1, 1, 1}, {a, 1, 1, 2}, {a, 1, 2, 2}, {a, 2, 1, 2}, {b, 3, 1, 2},
	} {
		if got := l.count(step.key, step.second); got != step.want {
			t.Errorf("step %d: %d requests, want %d", i, got, step.want)
		}
		if got := evictionsOf(t, registry); got != step.evictions {
			t.Errorf("step %d: %v evictions, want %v", i, got, step.evictions)
		}
	}
}

// evictionsOf returns the only metric of a registry.
func evictionsOf(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}
