package faults

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// lateness is how far beyond its deadline a call may go.
const lateness = 100 * time.Millisecond

// row counts what became of the calls of a fault.
type row struct{ cells, calls, ok, notApplied, unknown, lies, twice, late int }

func (r *row) add(o row) {
	r.cells += o.cells
	r.calls += o.calls
	r.ok += o.ok
	r.notApplied += o.notApplied
	r.unknown += o.unknown
	r.lies += o.lies
	r.twice += o.twice
	r.late += o.late
}

// count takes k into account, and says what is wrong with it, if anything is.
func (r *row) count(k *call, t truth) (wrong string) {
	r.calls++
	said := k.told
	if said == silence {
		said = k.logged
	}
	switch said {
	case applied, confirmed:
		r.ok++
	case notApplied, notReached:
		r.notApplied++
	default:
		r.unknown++
	}
	if k.late() {
		r.late++
	}
	if t.twice() {
		r.twice++
		wrong = fmt.Sprintf("the gateway got it %d times", t.reached)
	}
	if lie := k.lie(t); lie != "" {
		r.lies++
		wrong = lie
	}
	return wrong
}

// table is the rows by the name of the fault, and their sum.
func table(faults []*fault) (text string, total row) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cells\tcalls\tOK\tnot_applied\tunknown\tlies\ttwice\tlate\t  fault")
	line := func(name string, r row) {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t  %s\n",
			r.cells, r.calls, r.ok, r.notApplied, r.unknown, r.lies, r.twice, r.late, name)
	}
	for _, f := range faults {
		line(f.name, f.row)
		total.add(f.row)
	}
	line("total", total)
	w.Flush()
	return b.String(), total
}
