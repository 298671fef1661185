package rig

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// GatewayStats are the counters of a slow gateway.
type GatewayStats struct{ Opened, Requests int64 } // connections and requests so far

// maxExact is the longest delay that is exact, at the price of an open file for each request.
const maxExact = 10 * time.Millisecond

// slowGateway answers every hold after a delay.
type slowGateway struct {
	delay            time.Duration
	opened, requests atomic.Int64
}

// RunSlowGateway runs a slow gateway. Its arguments are its address, the address of its
// statistics, and the delay. The statistics have a port of their own, because a connection
// for them would be counted.
func RunSlowGateway(ctx context.Context, args []string) error {
	delay, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	g := &slowGateway{delay: delay}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+OwnPath, func(w http.ResponseWriter, r *http.Request) {
		g.wait(r)
		io.WriteString(w, StubReply)
	})
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return ServeUntil(ctx, &http.Server{Addr: args[0], Handler: mux, ConnState: g.count}) })
	servers.Go(func() error {
		return ServeUntil(ctx, &http.Server{Addr: args[1], Handler: http.HandlerFunc(g.writeStats)})
	})
	return servers.Wait()
}

// wait reads a request and takes the time of its answer.
func (g *slowGateway) wait(r *http.Request) {
	g.requests.Add(1)
	io.Copy(io.Discard, r.Body)
	if g.delay > maxExact {
		time.Sleep(g.delay)
	} else if err := sleepExactly(g.delay); err != nil {
		panic(err) // the handler cannot answer in time
	}
}

// count counts new connections.
func (g *slowGateway) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		g.opened.Add(1)
	}
}

func (g *slowGateway) writeStats(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(GatewayStats{g.opened.Load(), g.requests.Load()})
}

// SlowGateway is a slow gateway in a process of its own.
type SlowGateway struct {
	*Process
	Address, statistics string
}

// LaunchSlowGateway starts a gateway that answers after a delay.
func (s *Workspace) LaunchSlowGateway(ctx context.Context, on Cores, delay time.Duration) (SlowGateway, error) {
	g := SlowGateway{Address: s.Address(), statistics: s.Address()}
	var err error
	g.Process, err = s.LaunchSelf(ctx, on, "slow-gateway", []string{g.Address, g.statistics}, delay.String())
	return g, err
}

// Stats returns the counters of the gateway.
func (g SlowGateway) Stats(ctx context.Context) (stats GatewayStats, err error) {
	text, err := Fetch(ctx, g.statistics, "/")
	if err != nil {
		return stats, err
	}
	return stats, json.Unmarshal([]byte(text), &stats)
}

// ServeUntil serves until ctx is done.
func ServeUntil(ctx context.Context, server *http.Server) error {
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
