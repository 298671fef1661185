package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"agentconf/server/internal/app"
	"agentconf/server/internal/lifecycle"
	"agentconf/server/internal/telemetry"
)

// serve runs the service until ctx is done. With --print-config it ends after the checks of
// all settings: an operator can try a configuration beside the running service.
func (c cli) serve(ctx context.Context, args []string) error {
	received := notifySignals()
	defer received.stop()
	var s settings
	fs := newFlags("serve", "run the service")
	s.define(fs)
	if err := c.parse(fs, args, s.faults, s.loadCertificates, c.traceFaults); err != nil {
		return err
	}
	if s.printConfig {
		fs.print(c.stdout)
		return nil
	}
	return c.serveWith(ctx, &s, received)
}

// serveWith runs the service with valid settings. It opens the ports first, because a port
// in use is the most frequent fault of a start. The operating system accepts connections
// from then on, so that none is refused once the log names the ports. The deferred calls
// run last to first: the admin port closes, then the traces and the log are flushed.
func (c cli) serveWith(ctx context.Context, s *settings, received *signals) error {
	listeners, err := listenAll(s.ports())
	if err != nil {
		return err
	}
	defer telemetry.TuneCollector(c.lookupEnv)()
	log, flushLog := telemetry.NewLog(c.stderr, s.logFormat, &s.logLevel)
	defer flushLog()
	grpcLog.To(log)
	s.warn(log)
	warnOfStrangers(log, listeners[2].Addr())
	tracer, flushTraces, err := telemetry.NewTracer(ctx, c.lookupEnv, log)
	if err != nil { // of a variable OTEL_…
		return usageError{err}
	}
	defer flushTraces()

	s.Log, s.Tracer = log, tracer
	build := thisBuild()
	s.Metrics.MustRegister(build.metric(), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	service, err := app.New(s.Options)
	if err != nil {
		return err
	}
	defer telemetry.WatchMemory(log, s.Metrics)()
	admin := lifecycle.Admin(s.Metrics, &s.logLevel, service.Ready())
	defer lifecycle.ServeAdmin(listeners[2], admin, log, s.Lifecycle.LogPeers)() // after the drain, which operators observe
	defer received.handle(log, flushLog, service, s.reloaders)()
	log.Info("serving", "version", build.version, "grpc", listeners[0].Addr().String(),
		"http", listeners[1].Addr().String(), "admin", listeners[2].Addr().String(),
		"gateway", s.Gateway.URL, "replicas", replicasNote)
	longestStop := s.Lifecycle.DrainDelay + s.Lifecycle.DrainTimeout
	defer newSupervisor(c.lookupEnv, log).run(ctx.Done(), s.status(build, listeners), longestStop)()
	if err := service.Serve(ctx, listeners[0], listeners[1]); err != nil {
		log.Error("stopped", "cause", err.Error())
		return loggedError{err}
	}
	log.Info("stopped")
	return nil
}

// replicasNote is a part of the record of the start. A process cannot know whether it is alone, and two
// watches of an agent at two replicas take events from each other.
const replicasNote = "this process knows no other; every watch of an agent has to reach the same one"

// status returns the line that "systemctl status" shows.
func (s *settings) status(b build, listeners []net.Listener) string {
	return fmt.Sprintf("agentconf %s: gRPC on %s, JSON on %s, admin on %s, gateway %s",
		b.version, listeners[0].Addr(), listeners[1].Addr(), listeners[2].Addr(), s.Gateway.URL)
}

// loggedError is an error that has a log record, so that it is not printed again.
type loggedError struct{ error }

// warn logs a warning for every unencrypted gateway URL, and gives log to the reloaders.
// A reloader logs a certificate that has expired.
func (s *settings) warn(log *slog.Logger) {
	for _, url := range s.gatewayURLs() {
		if strings.HasPrefix(url, "http://") {
			log.Warn("the GUID is sent to the gateway unencrypted; use https://", "gateway", url)
		}
	}
	for _, r := range s.reloaders {
		r.LogTo(log)
	}
}

// warnOfStrangers logs a warning if other hosts can reach the admin port.
func warnOfStrangers(log *slog.Logger, admin net.Addr) {
	if tcp, ok := admin.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return
	}
	log.Warn("other hosts can reach the admin port, which has no authentication; "+
		"set --admin-listen 127.0.0.1:9464, or let only Prometheus and the probes reach it", "admin", admin.String())
}
