package rig

import (
	"math"
	"slices"
	"testing"
)

func TestQuantile(t *testing.T) {
	values := []float64{40, 10, 30, 20, 50}
	for q, want := range map[float64]float64{0: 10, 0.25: 20, 0.5: 30, 0.6: 34, 0.75: 40, 1: 50} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if got := Quantile([]float64{10, 20}, 0.5); got != 15 {
		t.Errorf("median of two = %v, want 15", got)
	}
	if got := Quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("median of none = %v, want NaN", got)
	}
	if !slices.Equal(values, []float64{40, 10, 30, 20, 50}) {
		t.Errorf("quantile has changed the order of the values: %v", values)
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		measured float64
		want     string
	}{{1.15, "PASS"}, {1.16, "MISS"}, {math.NaN(), "MISS"}} {
		if got := Verdict(c.measured, 1.15); got != c.want {
			t.Errorf("%v is %s, want %s", c.measured, got, c.want)
		}
	}
}
