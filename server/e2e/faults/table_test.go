package faults

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// row counts the calls of a fault by their outcomes and problems.
type row struct{ cells, calls, ok, notApplied, unknown, mismatches, twice, late int }

func (r *row) add(o row) {
	r.cells += o.cells
	r.calls += o.calls
	r.ok += o.ok
	r.notApplied += o.notApplied
	r.unknown += o.unknown
	r.mismatches += o.mismatches
	r.twice += o.twice
	r.late += o.late
}

// count counts c, which had the effect e. It returns the mismatch or the repetition, or "".
func (r *row) count(c *call, e effect) (problem string) {
	r.calls++
	r.countOutcome(c)
	if c.late() {
		r.late++
	}
	if c.next == nil && e.repeated() {
		r.twice++
		problem = fmt.Sprintf("the gateway received it %d times", e.requests)
	}
	if mismatch := c.mismatch(e); mismatch != "" {
		r.mismatches++
		problem = mismatch
	}
	return problem
}

// countOutcome counts the reported outcome, or the logged one if the caller received none.
func (r *row) countOutcome(c *call) {
	o := c.reported
	if o == noOutcome {
		o = c.logged
	}
	switch o {
	case applied, confirmed:
		r.ok++
	case notApplied, notSent:
		r.notApplied++
	default:
		r.unknown++
	}
}

// table returns the rows of the faults as text, and their sum.
func table(faults []*fault) (text string, total row) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cells\tcalls\tOK\tnot_applied\tunknown\tmismatches\ttwice\tlate\t  fault")
	write := func(name string, r row) {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t  %s\n",
			r.cells, r.calls, r.ok, r.notApplied, r.unknown, r.mismatches, r.twice, r.late, name)
	}
	for _, f := range faults {
		write(f.name, f.row)
		total.add(f.row)
	}
	write("total", total)
	w.Flush()
	return b.String(), total
}
