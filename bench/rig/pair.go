package rig

import (
	"context"
	"errors"
	"time"
)

// Pair is an agentconf in front of a slow gateway. Both run on both cores, as do the
// clients.
type Pair struct {
	Agentconf
	Gateway SlowGateway
	Before  Reading // after the first call
}

// WithPair runs measure with a new pair. agentconf gets additional flags, and does not
// probe the gateway, as the connections of the probes would be counted.
func (s *Workspace) WithPair(
	ctx context.Context, delay time.Duration, measure func(p *Pair) error, flags ...string,
) (err error) {
	defer s.Stop()
	p := &Pair{}
	if p.Gateway, err = s.LaunchSlowGateway(ctx, BothCores, delay); err != nil {
		return err
	}
	flags = append([]string{"--agent-rate", "0", "--probe-interval", "0"}, flags...)
	p.Agentconf, err = s.LaunchAgentconf(ctx, BothCores, s.Binary, "http://"+p.Gateway.Address, flags...)
	if err != nil {
		return err
	}
	o, err := p.Drive(1, func(d *Driver) error { return d.Open(ctx, 1, 1) })
	if err := errors.Join(err, o.Err()); err != nil {
		return err
	}
	if p.Before, err = p.Read(ctx); err != nil {
		return err
	}
	return measure(p)
}

// Drive lets load make holds over a number of connections.
func (p *Pair) Drive(connections int, load func(d *Driver) error) (Outcomes, error) {
	d := NewDriver(GRPCTarget(p.GRPC, GUID), connections)
	defer d.Close()
	err := load(d)
	return d.Take(), err
}

// Reading is the state of a pair at a time.
type Reading struct {
	At     time.Time
	Memory // of agentconf
	GatewayStats
}

func (p *Pair) Read(ctx context.Context) (Reading, error) {
	memory, memoryErr := MemoryOf(p.Agentconf.Process)
	stats, statsErr := p.Gateway.Stats(ctx)
	return Reading{time.Now(), memory, stats}, errors.Join(memoryErr, statsErr)
}
