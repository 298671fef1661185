package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"agentconf/server/internal/conference"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/transport"
)

func (p program) serve(ctx context.Context, args []string) error {
	var s settings
	fs := p.newFlags("serve", "run the service")
	s.define(fs)
	check := func() []error { return append(s.check(), p.traceFaults()...) }
	if err := p.parse(fs, args, check); err != nil {
		return err
	}
	if s.printConfig {
		fs.print(p.stdout)
		return nil
	}
	client, err := gateway.New(s.gateway)
	if err != nil {
		return err
	}
	defer client.Close()
	ports, err := s.listen()
	if err != nil {
		return err
	}
	tuneCollector(p.lookupEnv)

	lines := newBufferedLog(p.stderr)
	defer lines.flush()
	log := slog.New(s.logFormat.handler(lines, &s.logLevel))
	s.warn(log)

	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	tracer, flushTraces, err := p.tracer(ctx, log)
	if err != nil {
		return err
	}
	defer flushTraces()
	s.service.Metrics, s.service.Tracer = metrics, tracer
	s.fronts.Log, s.fronts.Metrics, s.fronts.Tracer, s.fronts.Probe = log, metrics, tracer, client.Probe
	server := transport.New(conference.New(client, s.service), s.fronts)
	admin := http.Server{Handler: transport.Admin(metrics, &s.logLevel.LevelVar, server.Ready()), ReadHeaderTimeout: 5 * time.Second}
	defer admin.Close() // after all else, so that the end can be watched, too
	go admin.Serve(ports[2])
	log.Info("serving", "grpc", ports[0].Addr().String(), "http", ports[1].Addr().String(),
		"admin", ports[2].Addr().String(), "gateway", s.gateway.URL)
	err = server.Serve(ctx, ports[0], ports[1])
	log.Info("stopped")
	return err
}

// warn logs what is allowed and unwise, of the certificates now and later.
func (s *settings) warn(log *slog.Logger) {
	for _, url := range append(slices.Sorted(maps.Values(s.gateway.Nodes)), s.gateway.URL) {
		if strings.HasPrefix(url, "http://") {
			log.Warn("the GUID travels to the gateway in clear; use https://", "gateway", url)
		}
	}
	s.gatewayTLS.LogTo(log)
	s.portTLS.LogTo(log)
}

// listen opens the ports of gRPC, JSON and the operator, or none.
func (s *settings) listen() (open []net.Listener, err error) {
	for _, port := range []struct{ flag, address string }{
		{"--grpc-listen", s.grpcListen}, {"--http-listen", s.httpListen}, {"--admin-listen", s.adminListen},
	} {
		l, err := listenAt(port.flag, port.address)
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return nil, err
		}
		open = append(open, l)
	}
	return open, nil
}

// listenAt opens the port that a flag has set.
func listenAt(flag, address string) (net.Listener, error) {
	l, err := transport.Listen(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use; stop the program that listens there, or change the flag", flag, address)
	case err != nil:
		return nil, fmt.Errorf("%s: %w; set an address of this machine and a port, such as 127.0.0.1:9090", flag, err)
	}
	return l, nil
}
