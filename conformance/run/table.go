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

// printTable prints a row for each client, then every result that is not ok. It returns an error if a
// test or a client failed, or if no test was ok. A client that this machine cannot have is no failure.
func printTable(w io.Writer, reports []report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "client\tok\tnot ok\tcannot\ttime\t")
	passed, failed, details := 0, 0, ""
	for _, r := range reports {
		count := map[string]int{}
		if r.err != nil {
			details += fmt.Sprintf("\n%s: %v\n", r.name, r.err)
		}
		if r.err != nil && !errors.Is(r.err, errNotAvailable) {
			failed++
		}
		for _, test := range r.tests {
			result := r.results[test.Name]
			count[result.verdict]++
			if r.err == nil && result.verdict != "ok" {
				details += fmt.Sprintf("\n%s: %s: %s: %s\n", r.name, result.verdict, test.Name, result.text)
			}
		}
		took := r.took.Round(100 * time.Millisecond)
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%v\t\n", r.name, count["ok"], count["not ok"], count["cannot"], took)
		passed, failed = passed+count["ok"], failed+count["not ok"]
	}
	t.Flush()
	fmt.Fprintf(w, "%s\n%d passed, %d failed\n", details, passed, failed)
	if failed > 0 || passed == 0 {
		return errors.New("not everything is ok")
	}
	return nil
}
