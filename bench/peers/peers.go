// Package peers has programs in Go that agentconf is compared with. The arguments of each are
// its addresses and the URL of the gateway.
package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/bench/rig"
	"agentconf/server/internal/gateway"
)

// RunFloor runs what remains of agentconf without its own part: grpc-go, net/http and
// grpc-gateway, with agentconf's client of the gateway and its settings of grpc-go and of
// the collector. It listens for gRPC, for net/http and for grpc-gateway.
func RunFloor(ctx context.Context, args []string) error {
	debug.SetGCPercent(400)
	client, err := gateway.New(gateway.Options{
		URL: args[3], Timeout: 5 * time.Second, Breaker: gateway.Breaker{Failures: 5, Open: 2 * time.Second},
	})
	if err != nil {
		return err
	}
	s := service{exchange: exchangeBy(client)}
	mux := newMux()
	if err := agentconfv1.RegisterConferenceServiceHandlerServer(ctx, mux, s); err != nil {
		return err
	}
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error {
		return s.serveGRPC(ctx, args[0], grpc.NumStreamWorkers(64),
			grpc.StaticStreamWindowSize(1<<20), grpc.StaticConnWindowSize(1<<20))
	})
	servers.Go(func() error { return rig.ServeUntil(ctx, &http.Server{Addr: args[1], Handler: s.handler()}) })
	servers.Go(func() error { return rig.ServeUntil(ctx, &http.Server{Addr: args[2], Handler: mux}) })
	return servers.Wait()
}

// exchangeBy returns an exchange by agentconf's client of the gateway.
func exchangeBy(client *gateway.Client) exchangeFunc {
	return func(ctx context.Context, agent, guid string, body holdBody) (envelope, error) {
		reply, err := client.Send(ctx, gateway.Request{
			Method: "POST", Path: "agentconf/" + agent + "/holdparticipant", GUID: guid, Body: body,
		}).Reply()
		var failed *gateway.Error
		if errors.As(err, &failed) && failed.Kind == gateway.Refused {
			return envelope{failed.Message, failed.Retcode, failed.Result}, nil
		}
		return envelope{reply.Message, reply.Retcode, reply.Result}, err
	}
}

// RunUsualBridge runs the bridge that is usually built: grpc-go with its defaults, and
// grpc-gateway that calls it over the loopback. Its client of net/http is tuned to keep
// connections. It listens for gRPC and for JSON.
func RunUsualBridge(ctx context.Context, args []string) error {
	debug.SetGCPercent(100)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.DisableCompression = 0, 1024, true
	s := service{exchange: exchangeOverHTTP(&http.Client{Transport: transport}, args[2])}
	mux := newMux()
	dial := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if err := agentconfv1.RegisterConferenceServiceHandlerFromEndpoint(ctx, mux, args[0], dial); err != nil {
		return err
	}
	servers, ctx := errgroup.WithContext(ctx)
	servers.Go(func() error { return s.serveGRPC(ctx, args[0]) })
	servers.Go(func() error { return rig.ServeUntil(ctx, &http.Server{Addr: args[1], Handler: mux}) })
	return servers.Wait()
}

// exchangeOverHTTP returns an exchange by a client of net/http and encoding/json.
func exchangeOverHTTP(client *http.Client, url string) exchangeFunc {
	return func(ctx context.Context, agent, guid string, body holdBody) (reply envelope, err error) {
		text, err := json.Marshal(body)
		if err != nil {
			return reply, err
		}
		path := url + "/agentgateway/resource/agentconf/" + agent + "/holdparticipant"
		req, err := http.NewRequestWithContext(ctx, "POST", path, bytes.NewReader(text))
		if err != nil {
			return reply, err
		}
		req.Header = http.Header{"Content-Type": {"application/json"}, "Guid": {guid}}
		resp, err := client.Do(req)
		if err != nil {
			return reply, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return reply, fmt.Errorf("HTTP status %s", resp.Status)
		}
		return reply, json.NewDecoder(resp.Body).Decode(&reply)
	}
}
