//go:build linux

package main

import (
	"math"
	"slices"
)

// quantile is the value below which the part q of values lies, between two of them
// in proportion, or no number if there are none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// order is the order of n variants in a round: it begins with another one each
// time, and every second round runs backwards, so that none always follows the
// same neighbour.
func order(n, round int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = (i + round) % n
	}
	if round%2 == 1 {
		slices.Reverse(indices)
	}
	return indices
}
