package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// openFiles is the most files that a process opens: a connection to the gateway for every
// hold in flight, and the connections of the clients.
const openFiles = 12000

// checkOpenFiles looks at the hard limit, to which Go raises the soft one.
func checkOpenFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max >= openFiles {
		return err
	}
	return fmt.Errorf("the hard limit of open files is %d, but %d are needed: ulimit -Hn %[2]d", limit.Max, openFiles)
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

// gatewayStats are the counters of a slow gateway.
type gatewayStats struct{ Opened, Requests int64 } // connections and requests so far

// slowGateway answers every request after a delay, a poll with an event.
type slowGateway struct {
	delay            time.Duration
	opened, requests atomic.Int64
}

// runSlowGateway runs a slow gateway. Its arguments are its address, the address of its
// statistics, and the delay. The statistics have a port of their own, because a connection
// for them would be counted.
func runSlowGateway(ctx context.Context, args []string) error {
	delay, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	g := &slowGateway{delay: delay}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+ownPath, func(w http.ResponseWriter, r *http.Request) {
		g.wait(r)
		io.WriteString(w, stubReply)
	})
	mux.HandleFunc("GET /agentgateway/resource/agentevent/{agent}", func(w http.ResponseWriter, r *http.Request) {
		g.wait(r)
		fmt.Fprintf(w, `{"message":"","retcode":"0","event":`+
			`{"eventType":"AgentConf_StopVoice","workNo":%q,"content":{"result":0}}}`, r.PathValue("agent"))
	})
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return serveUntil(ctx, &http.Server{Addr: args[0], Handler: mux, ConnState: g.count}) })
	servers.Go(func() error {
		return serveUntil(ctx, &http.Server{Addr: args[1], Handler: http.HandlerFunc(g.writeStats)})
	})
	return servers.Wait()
}

// wait reads a request and takes the time of its answer.
func (g *slowGateway) wait(r *http.Request) {
	g.requests.Add(1)
	io.Copy(io.Discard, r.Body)
	time.Sleep(g.delay)
}

// count counts new connections.
func (g *slowGateway) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		g.opened.Add(1)
	}
}

func (g *slowGateway) writeStats(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(gatewayStats{g.opened.Load(), g.requests.Load()})
}

// slowGatewayProcess is a slow gateway in a process of its own.
type slowGatewayProcess struct {
	*process
	address, statistics string
}

func (s *workspace) launchSlowGateway(ctx context.Context, delay time.Duration) (slowGatewayProcess, error) {
	g := slowGatewayProcess{address: s.address(), statistics: s.address()}
	var err error
	g.process, err = s.launchSelf(ctx, bothCores, "slow-gateway", g.address, g.statistics, delay.String())
	return g, err
}

func (g slowGatewayProcess) stats(ctx context.Context) (stats gatewayStats, err error) {
	text, err := fetch(ctx, g.statistics, "/")
	if err != nil {
		return stats, err
	}
	return stats, json.Unmarshal([]byte(text), &stats)
}
