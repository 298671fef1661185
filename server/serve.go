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

	"github.com/prometheus/client_golang/prometheus/collectors"

	"agentconf/server/internal/app"
	"agentconf/server/internal/certificates"
	"agentconf/server/internal/lifecycle"
	"agentconf/server/internal/telemetry"
)

// serve runs the service until ctx is done.
func (c cli) serve(ctx context.Context, args []string) error {
	var s settings
	fs := newFlags("serve", "run the service")
	s.define(fs)
	if err := c.parse(fs, args); err != nil {
		return err
	}
	reloaders, certificateFaults := s.loadCertificates()
	if err := fs.usage(append(s.faults(), certificateFaults...)...); err != nil {
		return err
	}
	if s.printConfig {
		fs.print(c.stdout)
		return nil
	}
	return c.serveWith(ctx, &s, reloaders)
}

// serveWith runs the service with valid settings.
func (c cli) serveWith(ctx context.Context, s *settings, reloaders []*certificates.Reloader) error {
	listeners, err := listenAll([]port{
		{"--grpc-listen", s.grpcListen}, {"--http-listen", s.httpListen}, {"--admin-listen", s.adminListen},
	})
	if err != nil {
		return err
	}
	telemetry.TuneCollector(c.lookupEnv)
	log, flushLog := telemetry.NewLog(c.stderr, s.logFormat, &s.logLevel)
	defer flushLog()
	s.warn(log, reloaders)
	tracer, flushTraces, err := telemetry.NewTracer(ctx, c.lookupEnv, log)
	if err != nil {
		return usageError{err}
	}
	defer flushTraces()

	s.Log, s.Tracer = log, tracer
	s.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	service, err := app.New(s.Options)
	if err != nil {
		return err
	}
	admin := http.Server{Handler: lifecycle.Admin(s.Metrics, &s.logLevel, service.Ready()), ReadHeaderTimeout: 5 * time.Second}
	defer admin.Close() // last, so that operators can observe the drain
	go admin.Serve(listeners[2])
	log.Info("serving", "grpc", listeners[0].Addr().String(), "http", listeners[1].Addr().String(),
		"admin", listeners[2].Addr().String(), "gateway", s.Gateway.URL)
	err = service.Serve(ctx, listeners[0], listeners[1])
	log.Info("stopped")
	return err
}

// warn logs a warning for every unencrypted gateway URL, and gives log to the reloaders.
// A reloader logs a certificate that has expired.
func (s *settings) warn(log *slog.Logger, reloaders []*certificates.Reloader) {
	for _, url := range append(slices.Sorted(maps.Values(s.Gateway.Nodes)), s.Gateway.URL) {
		if strings.HasPrefix(url, "http://") {
			log.Warn("the GUID is sent to the gateway unencrypted; use https://", "gateway", url)
		}
	}
	for _, r := range reloaders {
		r.LogTo(log)
	}
}

// port is the address of a listener, and the flag that sets it.
type port struct{ flag, address string }

// listenAll opens a listener for every port. If one of them fails, it closes the others.
func listenAll(ports []port) (open []net.Listener, err error) {
	for _, p := range ports {
		l, err := p.listen()
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

// listen opens the listener. Its error names the flag.
func (p port) listen() (net.Listener, error) {
	l, err := lifecycle.Listen(p.address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use; stop the program that listens there, or change the flag", p.flag, p.address)
	case err != nil:
		return nil, fmt.Errorf("%s: %w; set an address of this machine and a port, such as 127.0.0.1:9090", p.flag, err)
	}
	return l, nil
}
