package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

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
		fmt.Fprintf(w, `{"message":"","retcode":"0","event":{"eventType":"AgentConf_StopVoice","workNo":%q,"content":{"result":0}}}`,
			r.PathValue("agent"))
	})
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return serveUntil(ctx, &http.Server{Addr: args[0], Handler: mux, ConnState: g.count}) })
	servers.Go(func() error {
		return serveUntil(ctx, &http.Server{Addr: args[1], Handler: http.HandlerFunc(g.writeStats)})
	})
	return servers.Wait()
}

func (g *slowGateway) wait(r *http.Request) {
	g.requests.Add(1)
	io.Copy(io.Discard, r.Body)
	time.Sleep(g.delay)
}

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
	text, err := fetch(ctx, "http://"+g.statistics)
	if err != nil {
		return stats, err
	}
	return stats, json.Unmarshal([]byte(text), &stats)
}
