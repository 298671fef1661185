//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// shown is how many of the faults are printed.
const shown = 10

// report prints what happened, and returns an error if something did that must not.
func (s *soak) report() error {
	t := &s.tally
	fmt.Printf("%v with %d agents, every second over JSON, at two agentconfs in front of one emulated gateway.\n",
		s.length, desks)
	fmt.Printf("The gateway was restarted %d times, one agentconf %d times.\n\n",
		t.times(gatewayRestart), t.times(agentconfRestart))
	fmt.Printf("%d calls, %.0f a second. %d watches, in which came %d events and %d new GUIDs, "+
		"and %d times that polls failed.\n", t.calls, float64(t.calls)/s.length.Seconds(), t.watches, t.events, t.guids, t.failedPolls)
	fmt.Printf("The longest that an agent was without a watch is %v; %d of %d watched in the end.\n\n",
		t.blind.Round(time.Millisecond), t.watching, desks)
	t.printErrors(os.Stdout)
	compared, lies := s.ledger.lies()
	fmt.Printf("\n%d calls compared with the logs of the gateway. lies: %d\n\n", compared, len(lies))
	fmt.Printf("The agentconf that was not restarted, after a fifth of the run:\n\n")
	printVitals(os.Stdout, s.loaded[len(s.loaded)/5:])
	fmt.Printf("\nBefore the load, and %v after it:\n\n", s.quiet)
	printIdle(os.Stdout, s.idle)
	return s.judge(lies)
}

func (s *soak) judge(lies []string) error {
	faults := append(lies, s.tally.unexplained()...)
	faults = append(faults, s.faults...)
	if s.tally.watching != desks {
		faults = append(faults, fmt.Sprintf("%d of %d agents watched in the end", s.tally.watching, desks))
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%d faults, among them:\n%s", len(faults), strings.Join(faults[:min(shown, len(faults))], "\n"))
}

// readOutput looks for faults in what the agentconfs printed.
func (s *soak) readOutput() error {
	files, err := filepath.Glob(filepath.Join(s.dir, "agentconf-*.out"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		s.faults = append(s.faults, faultsIn(filepath.Base(file), string(text))...)
	}
	return nil
}

// faultsIn are the lines of a log that tell of a fault in agentconf. What is not
// JSON is a panic.
func faultsIn(name, log string) (faults []string) {
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "{") || strings.Contains(line, `"level":"ERROR"`) {
			faults = append(faults, name+": "+strings.TrimSpace(line))
		}
	}
	return faults
}
