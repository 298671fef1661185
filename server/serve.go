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
	"agentconf/server/internal/lifecycle"
	"agentconf/server/internal/telemetry"
)

// serve runs the service until ctx is done. With --print-config it ends after the checks of
// all settings: an operator can try a configuration beside the running service.
func (c cli) serve(ctx context.Context, args []string) error {
	var s settings
	fs := newFlags("serve", "run the service")
	s.define(fs)
	if err := c.parse(fs, args, s.faults, s.loadCertificates); err != nil {
		return err
	}
	if s.printConfig {
		fs.print(c.stdout)
		return nil
	}
	return c.serveWith(ctx, &s)
}

// serveWith runs the service with valid settings. It opens the ports first, because a port
// in use is the most frequent fault of a start. The operating system accepts connections
// from then on, so that none is refused once the log names the ports. The deferred calls
// run last to first: the admin port closes, then the traces and the log are flushed.
func (c cli) serveWith(ctx context.Context, s *settings) error {
	listeners, err := listenAll([]port{
		{"--grpc-listen", s.grpcListen}, {"--http-listen", s.httpListen}, {"--admin-listen", s.adminListen},
	})
	if err != nil {
		return err
	}
	telemetry.TuneCollector(c.lookupEnv)
	log, flushLog := telemetry.NewLog(c.stderr, s.logFormat, &s.logLevel)
	defer flushLog()
	s.warn(log)
	tracer, flushTraces, err := telemetry.NewTracer(ctx, c.lookupEnv, log)
	if err != nil { // of a variable OTEL_…
		return usageError{err}
	}
	defer flushTraces()

	s.Log, s.Tracer = log, tracer
	s.Metrics.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	service, err := app.New(s.Options)
	if err != nil {
		return err
	}
	defer s.serveAdmin(listeners[2], service.Ready())() // after the drain, which operators observe
	log.Info("serving", "grpc", listeners[0].Addr().String(), "http", listeners[1].Addr().String(),
		"admin", listeners[2].Addr().String(), "gateway", s.Gateway.URL)
	err = service.Serve(ctx, listeners[0], listeners[1])
	log.Info("stopped")
	return err
}

// serveAdmin serves the admin port until the caller closes it.
func (s *settings) serveAdmin(l net.Listener, ready http.Handler) (close func() error) {
	admin := &http.Server{
		Handler:           lifecycle.Admin(s.Metrics, &s.logLevel, ready),
		ReadHeaderTimeout: 5 * time.Second,
	}
	go admin.Serve(l)
	return admin.Close
}

// warn logs a warning for every unencrypted gateway URL, and gives log to the reloaders.
// A reloader logs a certificate that has expired.
func (s *settings) warn(log *slog.Logger) {
	for _, url := range append(slices.Sorted(maps.Values(s.Gateway.Nodes)), s.Gateway.URL) {
		if strings.HasPrefix(url, "http://") {
			log.Warn("the GUID is sent to the gateway unencrypted; use https://", "gateway", url)
		}
	}
	for _, r := range s.reloaders {
		r.LogTo(log)
	}
}

// port is the address of a listener, HOST:PORT, and the flag that sets it. Without a host
// it is on all interfaces, and port 0 is any free one.
type port struct{ flag, address string }

// listenAll opens a listener for every port, in their order. If one of them fails, it
// closes the others.
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

// listen opens the listener. Its error names the flag and the remedy. An address in use has
// a text of its own, since the system's names neither.
func (p port) listen() (net.Listener, error) {
	l, err := lifecycle.Listen(p.address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use; stop the program that listens there, or change the flag",
			p.flag, p.address)
	case err != nil:
		return nil, fmt.Errorf("%s: %w; set an address of this machine and a port, such as 127.0.0.1:9090",
			p.flag, err)
	}
	return l, nil
}
