package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// printTable prints a row for each kind of case and a column for each client, then
// all that is not ok. It fails if anything is not.
func printTable(w io.Writer, reports []report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "cases")
	for _, r := range reports {
		fmt.Fprint(t, "\t", r.name)
	}
	fmt.Fprintln(t, "\t")
	for _, kind := range kindsOf(reports) {
		fmt.Fprint(t, kind)
		for _, r := range reports {
			fmt.Fprint(t, "\t", r.cell(kind))
		}
		fmt.Fprintln(t, "\t")
	}
	fmt.Fprint(t, "time")
	for _, r := range reports {
		fmt.Fprint(t, "\t", r.took.Round(100*time.Millisecond))
	}
	fmt.Fprintln(t, "\t")
	t.Flush()
	bad, passed := 0, 0
	for _, r := range reports {
		p, b := r.printFaults(w)
		passed, bad = passed+p, bad+b
	}
	fmt.Fprintf(w, "\n%d passed, %d failed\n", passed, bad)
	if bad > 0 || passed == 0 {
		return errors.New("not everything is ok")
	}
	return nil
}

// kindOf is the row of a test.
func kindOf(t test) string {
	switch {
	case t.Steps != nil:
		return "scenarios"
	case t.Want.Retcode != "" && t.Name == "retcode "+t.Want.Retcode:
		return "retcodes"
	case t.Only == "json":
		return t.RPC + ", JSON only"
	}
	return t.RPC
}

func kindsOf(reports []report) (kinds []string) {
	seen := map[string]bool{}
	for _, r := range reports {
		for _, t := range r.tests {
			if kind := kindOf(t); !seen[kind] {
				seen[kind] = true
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}

// cell says how many tests of a kind are ok, and of how many if not of all.
func (r report) cell(kind string) string {
	switch {
	case r.absent != "":
		return "not here"
	case r.err != nil:
		return "failed"
	}
	ok, all := 0, 0
	for _, t := range r.tests {
		if kindOf(t) != kind {
			continue
		}
		all++
		if r.results[t.Name].verdict == "ok" {
			ok++
		}
	}
	switch {
	case all == 0:
		return "-"
	case ok < all:
		return fmt.Sprintf("%d of %d", ok, all)
	}
	return fmt.Sprint(ok)
}

// printFaults prints what is not ok, and counts.
func (r report) printFaults(w io.Writer) (passed, bad int) {
	if r.absent != "" {
		fmt.Fprintf(w, "\n%s cannot be had here: %s\n", r.name, r.absent)
		return 0, 0
	}
	if r.err != nil {
		fmt.Fprintf(w, "\n%s failed: %v\n", r.name, r.err)
		return 0, 1
	}
	for _, t := range r.tests {
		result := r.results[t.Name]
		switch result.verdict {
		case "ok":
			passed++
			continue
		case "not ok":
			bad++
		}
		fmt.Fprintf(w, "\n%s: %s: %s: %s\n", r.name, result.verdict, t.Name, result.text)
	}
	return passed, bad
}
