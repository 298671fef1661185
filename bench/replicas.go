package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// readyTimeout bounds the time until a replica is ready.
const readyTimeout = 30 * time.Second

// shownFaults bounds the faults in an error.
const shownFaults = 10

// replicas are two agentconfs in front of one emulated gateway, and what their callers
// record. Every process keeps its addresses when it is restarted.
type replicas struct {
	*workspace
	records
	gatewayArgs    []string
	gatewayAddress string
	gateway        *process
	endpoints      [2]endpoint
	agentconfs     [2]*process
	faults         []string // of the processes
}

// withReplicas starts r, runs it and stops it. The gateway gets additional flags.
func (r *replicas) withReplicas(ctx context.Context, run func() error, gatewayFlags ...string) (err error) {
	r.workspace, err = newWorkspace(ctx)
	defer r.workspace.close()
	if err != nil {
		return err
	}
	a, err := freeAddresses(7)
	if err != nil {
		return err
	}
	r.gatewayAddress, r.endpoints = a[6], [2]endpoint{{a[0], a[1], a[2]}, {a[3], a[4], a[5]}}
	r.gatewayArgs = append([]string{r.binary, "emulate", "--listen", a[6], "--log", r.logFile()}, gatewayFlags...)
	if err := r.startGateway(ctx); err != nil {
		return err
	}
	if err := errors.Join(r.startReplica(ctx, 0), r.startReplica(ctx, 1)); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	return errors.Join(r.stopReplica(0), r.stopReplica(1), r.stopGateway())
}

func (r *replicas) logFile() string { return filepath.Join(r.dir, "gateway.log") }

func (r *replicas) startGateway(ctx context.Context) (err error) {
	r.gateway, err = r.launch(ctx, "gateway", bothCores, r.gatewayArgs, r.gatewayAddress)
	return err
}

// startReplica starts an agentconf and waits until it is ready.
func (r *replicas) startReplica(ctx context.Context, i int) (err error) {
	r.agentconfs[i], err = r.launchAgentconf(ctx, bothCores, r.binary, r.endpoints[i], "http://"+r.gatewayAddress)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		if _, err = fetch(ctx, "http://"+r.endpoints[i].admin+"/readyz"); err == nil {
			return nil
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("agentconf %d is not ready: %w", i+1, err)
		}
	}
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
	r.end(r.agentconfs[i])
	text, err := os.ReadFile(r.agentconfs[i].output)
	r.faults = append(r.faults, faultsIn(filepath.Base(r.agentconfs[i].output), string(text))...)
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
// has a lie. It takes further faults of the run.
func (r *replicas) judge(faults ...string) error {
	_, lies := r.ledger.lies()
	faults = append(append(append(faults, lies...), r.tally.unexplained()...), r.faults...)
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%d faults, among them:\n%s", len(faults), strings.Join(faults[:min(shownFaults, len(faults))], "\n"))
}
