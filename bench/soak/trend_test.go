package soak

import (
	"math"
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
		// By hand: the squares of x are 5, the products 8; the residue is 0.2.
		{"noise", []float64{1, 2, 3, 4}, []float64{1, 3, 4, 6}, trend{1.6, math.Sqrt(0.2 / 2 / 5)}},
	} {
		got := trendOf(test.at, test.values)
		if math.Abs(got.slope-test.want.slope) > 1e-9 || math.Abs(got.err-test.want.err) > 1e-9 {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := trendOf([]float64{0, 1}, []float64{1, 2}); !math.IsNaN(got.slope) || !math.IsNaN(got.err) {
		t.Errorf("of two values: %+v, want NaN", got)
	}
}
