package ratelimit

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func newLimit(limit int) *Limit {
	return New(limit, prometheus.NewCounter(prometheus.CounterOpts{Name: "evictions", Help: "Evictions."}))
}

func evictionsOf(t *testing.T, l *Limit) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(l.evictions)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

// Each key has its own count, until the next second.
func TestAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimit(2)
		for range 2 {
			for i, want := range []bool{true, true, false} {
				if got := l.Allow("a"); got != want {
					t.Errorf("request %d: got %v, want %v", i, got, want)
				}
			}
			if !l.Allow("b") {
				t.Error("another key is rejected")
			}
			time.Sleep(time.Second)
		}
		unlimited := newLimit(0)
		for range 1000 {
			if !unlimited.Allow("a") {
				t.Fatal("got a rejection without a limit")
			}
		}
	})
}

// Invented keys without end take no memory and nothing from a key within its limit. The metric
// counts those that took the slot of another.
func TestBound(t *testing.T) {
	l := newLimit(100)
	const lawful, calls = 7, 100
	for n := range 4 * slotCount {
		l.count(rand.Uint64(), 1)
		if n%(4*slotCount/calls+1) == 0 && l.count(lawful, 1) > calls {
			t.Fatal("a key within its limit is rejected")
		}
	}
	if len(l.slots) != slotCount {
		t.Errorf("%d slots, want %d", len(l.slots), slotCount)
	}
	if got := evictionsOf(t, l); got < slotCount {
		t.Errorf("%v evictions, want at least %d", got, slotCount)
	}
	if got := testing.AllocsPerRun(100, func() { l.count(rand.Uint64(), 2) }); got != 0 {
		t.Errorf("a new key takes %v allocations", got)
	}
}

// A key that takes the slot of another counts anew, and the other after it. A new second is no
// eviction.
func TestSlot(t *testing.T) {
	l := newLimit(100)
	const a, b = 5, 5 + slotCount // have the same slot
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
		if got := evictionsOf(t, l); got != step.evictions {
			t.Errorf("step %d: %v evictions, want %v", i, got, step.evictions)
		}
	}
}
