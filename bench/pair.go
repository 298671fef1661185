package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// openFiles is the most files that a process opens: a connection to the gateway for every
// hold in flight, and the connections of the clients.
const openFiles = 12000

func checkOpenFiles() error {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err == nil && limit.Max < openFiles {
		err = fmt.Errorf("the hard limit of open files is %d, but %d are needed: ulimit -Hn %[2]d", limit.Max, openFiles)
	}
	return err
}

// pair is an agentconf in front of a slow gateway. Both run on both cores, as do the
// clients.
type pair struct {
	agentconf
	gateway slowGatewayProcess
	before  reading // after the first call
}

// withPair runs measure with a new pair. agentconf gets additional flags, and does not
// probe the gateway, as the connections of the probes would be counted.
func (s *workspace) withPair(
	ctx context.Context, delay time.Duration, measure func(p *pair) error, flags ...string,
) (err error) {
	defer s.stop()
	p := &pair{}
	if p.gateway, err = s.launchSlowGateway(ctx, delay); err != nil {
		return err
	}
	flags = append([]string{"--agent-rate", "0", "--probe-interval", "0"}, flags...)
	p.agentconf, err = s.launchAgentconf(ctx, bothCores, s.binary, "http://"+p.gateway.address, flags...)
	if err != nil {
		return err
	}
	o, err := p.drive(1, func(d *driver) error { return d.open(ctx, 1, 1) })
	if err := errors.Join(err, o.err()); err != nil {
		return err
	}
	if p.before, err = p.read(ctx); err != nil {
		return err
	}
	return measure(p)
}

// drive lets load make holds over a number of connections.
func (p *pair) drive(connections int, load func(d *driver) error) (outcomes, error) {
	d := newDriver(grpcTarget(p.grpc, guid), connections)
	defer d.close()
	err := load(d)
	return d.take(), err
}

// reading is the state of a pair at a time.
type reading struct {
	at     time.Time
	memory // of agentconf
	gatewayStats
}

func (p *pair) read(ctx context.Context) (reading, error) {
	memory, memoryErr := memoryOf(p.agentconf.process)
	stats, statsErr := p.gateway.stats(ctx)
	return reading{time.Now(), memory, stats}, errors.Join(memoryErr, statsErr)
}
