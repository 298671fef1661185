//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// gatewayStats is what the slow gateway has seen so far.
type gatewayStats struct {
	Opened   int64 // connections
	Open     int64 // of them now
	Requests int64
}

// slowGateway answers every request after a delay, a poll with an event.
type slowGateway struct {
	delay                  time.Duration
	opened, open, requests atomic.Int64
}

// runSlowGateway runs a slow gateway. Its arguments are its address, that of its
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
	gateway := &http.Server{Addr: args[0], Handler: mux, ConnState: g.count}
	statistics := &http.Server{Addr: args[1], Handler: http.HandlerFunc(g.tell)}
	defer context.AfterFunc(ctx, func() {
		gateway.Close()
		statistics.Close()
	})()
	ended := make(chan error, 2)
	for _, server := range []*http.Server{gateway, statistics} {
		go func() { ended <- server.ListenAndServe() }()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// startGateway starts a slow gateway as a process of its own.
func startGateway(ctx context.Context, dir, name, address, statistics string, delay time.Duration) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(ctx, dir, name, bothCores, []string{self, "slow-gateway", address, statistics, delay.String()}, address, statistics)
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

func (g *slowGateway) tell(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(gatewayStats{g.opened.Load(), g.open.Load(), g.requests.Load()})
}

func statsOf(ctx context.Context, address string) (gatewayStats, error) {
	var stats gatewayStats
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+address, nil)
	if err != nil {
		return stats, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return stats, err
	}
	defer resp.Body.Close()
	return stats, json.NewDecoder(resp.Body).Decode(&stats)
}
