package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// shownFaults bounds the faults in an error.
const shownFaults = 10

// replicas are two agentconfs in front of one emulated gateway, and what their callers
// record. Every process keeps its addresses when it is restarted.
type replicas struct {
	*workspace
	records
	gateway    *process
	agentconfs [2]agentconf
	faults     []string // of the processes
}

// withReplicas starts r, runs it and stops it. The gateway gets additional flags.
func (r *replicas) withReplicas(ctx context.Context, run func() error, gatewayFlags ...string) error {
	return withWorkspace(ctx, func(s *workspace) (err error) {
		r.workspace = s
		address := s.address()
		args := []string{s.binary, "emulate", "--listen", address, "--log", r.logFile()}
		if r.gateway, err = s.launch(ctx, "gateway", bothCores, append(args, gatewayFlags...), address); err != nil {
			return err
		}
		for i := range r.agentconfs {
			r.agentconfs[i], err = s.launchAgentconf(ctx, bothCores, s.binary, "http://"+address)
			if err := errors.Join(err, r.agentconfs[i].awaitReady(ctx)); err != nil {
				return err
			}
		}
		if err := run(); err != nil {
			return err
		}
		return errors.Join(r.stopReplica(0), r.stopReplica(1), r.stopGateway())
	})
}

func (r *replicas) endpoints() [2]endpoint {
	return [2]endpoint{r.agentconfs[0].endpoint, r.agentconfs[1].endpoint}
}

func (r *replicas) logFile() string { return filepath.Join(r.dir, "gateway.log") }

// startReplica starts an agentconf again and waits until it is ready.
func (r *replicas) startReplica(ctx context.Context, i int) error {
	if err := r.start(ctx, r.agentconfs[i].process); err != nil {
		return err
	}
	return r.agentconfs[i].awaitReady(ctx)
}

// stopGateway stops the gateway and enters its log into the ledger.
func (r *replicas) stopGateway() error {
	r.end(r.gateway)
	log, err := os.Open(r.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	return r.ledger.read(log)
}

// stopReplica stops an agentconf and checks its output.
func (r *replicas) stopReplica(i int) error {
	p := r.agentconfs[i].process
	r.end(p)
	text, err := os.ReadFile(p.output)
	r.faults = append(r.faults, faultsIn(filepath.Base(p.output), string(text))...)
	return err
}

// end stops a process. Another exit code than 0 is a fault.
func (r *replicas) end(p *process) {
	if err := p.stop(); err != nil {
		r.faults = append(r.faults, err.Error())
	}
}

// faultsIn returns the lines of a log that report a fault of agentconf. A line that is not
// JSON is of a panic.
func faultsIn(name, log string) (faults []string) {
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "{") || strings.Contains(line, `"level":"ERROR"`) {
			faults = append(faults, name+": "+strings.TrimSpace(line))
		}
	}
	return faults
}

// judge returns an error if a process had a fault, an error has no cause, or the ledger
// has a mismatch. It takes further faults of the run.
func (r *replicas) judge(faults ...string) error {
	_, mismatches := r.ledger.mismatches()
	faults = append(append(append(faults, mismatches...), r.tally.unexplained()...), r.faults...)
	if len(faults) == 0 {
		return nil
	}
	shown := faults[:min(shownFaults, len(faults))]
	return fmt.Errorf("%d faults, among them:\n%s", len(faults), strings.Join(shown, "\n"))
}
