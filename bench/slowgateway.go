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
	"time"

	"golang.org/x/sync/errgroup"
)

// gatewayStats are the counters of a slow gateway.
type gatewayStats struct {
	Opened   int64 // connections so far
	Open     int64 // connections now
	Requests int64
}

// slowGateway answers every request after a delay, a poll with an event.
type slowGateway struct {
	delay                  time.Duration
	opened, open, requests atomic.Int64
}

// runSlowGateway runs a slow gateway. Its arguments are its address, the address of its
// statistics, and the delay.
func runSlowGateway(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: slow-gateway ADDRESS STATISTICS DELAY")
	}
	delay, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	g := &slowGateway{delay: delay}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+ownPath, g.hold)
	mux.HandleFunc("GET /agentgateway/resource/agentevent/{agent}", g.poll)
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return serveUntil(ctx, &http.Server{Addr: args[0], Handler: mux, ConnState: g.count}) })
	servers.Go(func() error {
		return serveUntil(ctx, &http.Server{Addr: args[1], Handler: http.HandlerFunc(g.writeStats)})
	})
	return servers.Wait()
}

func (g *slowGateway) hold(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	io.Copy(io.Discard, r.Body)
	time.Sleep(g.delay)
	io.WriteString(w, stubReply)
}

func (g *slowGateway) poll(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	time.Sleep(g.delay)
	fmt.Fprintf(w, `{"message":"","retcode":"0","event":{"eventType":"AgentConf_StopVoice","workNo":%q,"content":{"result":0}}}`,
		r.PathValue("agent"))
}

func (g *slowGateway) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		g.opened.Add(1)
		g.open.Add(1)
	case http.StateClosed:
		g.open.Add(-1)
	}
}

func (g *slowGateway) writeStats(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(gatewayStats{g.opened.Load(), g.open.Load(), g.requests.Load()})
}

// slowGatewayProcess is a slow gateway in a process of its own.
type slowGatewayProcess struct {
	*process
	address, statistics string
}

func (s *workspace) launchSlowGateway(ctx context.Context, delay time.Duration) (g slowGatewayProcess, err error) {
	a, err := freeAddresses(2)
	if err != nil {
		return g, err
	}
	p, err := s.launchSelf(ctx, bothCores, []string{"slow-gateway", a[0], a[1], delay.String()}, a...)
	return slowGatewayProcess{p, a[0], a[1]}, err
}

func (g slowGatewayProcess) stats(ctx context.Context) (stats gatewayStats, err error) {
	text, err := fetch(ctx, "http://"+g.statistics)
	if err != nil {
		return stats, err
	}
	return stats, json.Unmarshal([]byte(text), &stats)
}
