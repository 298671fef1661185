package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"agentconf/server/bench/rig"
)

// shownFaults bounds the faults in an error.
const shownFaults = 10

// replicas are two agentconfs in front of one emulated gateway, and what their callers
// record. Every process keeps its addresses when it is restarted.
type replicas struct {
	*rig.Workspace
	records
	gateway    *rig.Process
	agentconfs [2]rig.Agentconf
	faults     []string // of the processes
}

// withReplicas starts r, runs it and stops it. The gateway gets additional flags.
func (r *replicas) withReplicas(ctx context.Context, run func() error, gatewayFlags ...string) error {
	return rig.WithWorkspace(ctx, func(s *rig.Workspace) (err error) {
		r.Workspace = s
		address := s.Address()
		args := []string{s.Binary, "emulate", "--listen", address, "--log", r.logFile()}
		if r.gateway, err = s.Launch(ctx, "gateway", rig.BothCores, append(args, gatewayFlags...), address); err != nil {
			return err
		}
		for i := range r.agentconfs {
			r.agentconfs[i], err = s.LaunchAgentconf(ctx, rig.BothCores, s.Binary, "http://"+address)
			if err := errors.Join(err, r.agentconfs[i].AwaitReady(ctx)); err != nil {
				return err
			}
		}
		if err := run(); err != nil {
			return err
		}
		return errors.Join(r.stopReplica(0), r.stopReplica(1), r.stopGateway())
	})
}

func (r *replicas) endpoints() [2]rig.Endpoint {
	return [2]rig.Endpoint{r.agentconfs[0].Endpoint, r.agentconfs[1].Endpoint}
}

func (r *replicas) logFile() string { return filepath.Join(r.Dir, "gateway.log") }

// startReplica starts an agentconf again and waits until it is ready.
func (r *replicas) startReplica(ctx context.Context, i int) error {
	if err := r.Start(ctx, r.agentconfs[i].Process); err != nil {
		return err
	}
	return r.agentconfs[i].AwaitReady(ctx)
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
	p := r.agentconfs[i].Process
	r.end(p)
	text, err := os.ReadFile(p.Output)
	r.faults = append(r.faults, faultsIn(filepath.Base(p.Output), string(text))...)
	return err
}

// end stops a process. Another exit code than 0 is a fault.
func (r *replicas) end(p *rig.Process) {
	if err := p.Stop(); err != nil {
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
