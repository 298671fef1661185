package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// report holds the results of a client.
type report struct {
	client
	tests   []test
	results map[string]result // by name of the test
	err     error             // why there are no results
	took    time.Duration
}

// printTable prints a row for each client with the number of tests that are ok in each group, then
// every other result. It returns an error if a test or a client failed, or if no test was ok.
func printTable(w io.Writer, reports []report) error {
	groups := []string{groupCalls, groupRetcodes, groupScenarios, groupWrong}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "client\t")
	for _, group := range groups {
		fmt.Fprint(t, group, "\t")
	}
	fmt.Fprintln(t, "time\t")
	for _, r := range reports {
		fmt.Fprint(t, r.name, "\t")
		for _, group := range groups {
			fmt.Fprint(t, r.cell(group), "\t")
		}
		fmt.Fprintln(t, r.took.Round(100*time.Millisecond), "\t")
	}
	t.Flush()
	passed, failed := 0, 0
	for _, r := range reports {
		p, f := r.printFailures(w)
		passed, failed = passed+p, failed+f
	}
	fmt.Fprintf(w, "\n%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		return errors.New("not everything is ok")
	}
	return nil
}

// cell returns the number of tests of a group that are ok and, if it differs, of all.
func (r report) cell(group string) string {
	ok, all := 0, 0
	for _, t := range r.tests {
		if t.group != group {
			continue
		}
		all++
		if r.results[t.Name].verdict == "ok" {
			ok++
		}
	}
	switch {
	case all == 0 || r.err != nil:
		return "-"
	case ok < all:
		return fmt.Sprintf("%d of %d", ok, all)
	}
	return fmt.Sprint(ok)
}

// printFailures prints every result that is not ok and returns the numbers of tests that passed
// and failed. A client that this machine cannot have is no failure.
func (r report) printFailures(w io.Writer) (passed, failed int) {
	if r.err != nil {
		fmt.Fprintf(w, "\n%s: %v\n", r.name, r.err)
		if errors.Is(r.err, errNotAvailable) {
			return 0, 0
		}
		return 0, 1
	}
	for _, t := range r.tests {
		result := r.results[t.Name]
		switch result.verdict {
		case "ok":
			passed++
			continue
		case "not ok":
			failed++
		}
		fmt.Fprintf(w, "\n%s: %s: %s: %s\n", r.name, result.verdict, t.Name, result.text)
	}
	return passed, failed
}
