//go:build linux

package main

import (
	"math"
	"slices"
	"testing"
)

func TestQuantile(t *testing.T) {
	values := []float64{40, 10, 30, 20, 50}
	for q, want := range map[float64]float64{0: 10, 0.25: 20, 0.5: 30, 0.6: 34, 0.75: 40, 1: 50} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if got := quantile([]float64{10, 20}, 0.5); got != 15 {
		t.Errorf("median of two = %v, want 15", got)
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("median of none = %v, want no number", got)
	}
	if !slices.Equal(values, []float64{40, 10, 30, 20, 50}) {
		t.Errorf("the values are sorted now: %v", values)
	}
}

func TestOrder(t *testing.T) {
	for round, want := range [][]int{{0, 1, 2, 3}, {0, 3, 2, 1}, {2, 3, 0, 1}, {2, 1, 0, 3}, {0, 1, 2, 3}} {
		if got := order(4, round); !slices.Equal(got, want) {
			t.Errorf("round %d: %v, want %v", round, got, want)
		}
	}
}

func TestOver(t *testing.T) {
	median, p25 := cost{p25: 30, median: 50}.over(cost{p25: 20, median: 25})
	if median != 2 || p25 != 1.5 {
		t.Errorf("got %v and %v, want 2 and 1.5", median, p25)
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		measured float64
		want     string
	}{{1.15, "PASS"}, {1.16, "MISS"}, {math.NaN(), "MISS"}} {
		if got := verdict(c.measured, 1.15); got != c.want {
			t.Errorf("%v is %s, want %s", c.measured, got, c.want)
		}
	}
}
