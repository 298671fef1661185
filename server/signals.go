package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"agentconf/server/internal/app"
	"agentconf/server/internal/certificates"
)

// signals receives the signals of a running service beside main, which starts the drain.
//
//	signal                  effect
//	SIGHUP                  the certificate files are read again
//	first SIGINT, SIGTERM   none; main starts the drain
//	the next one            a log record with the calls that are cut off, and the end
type signals struct {
	received chan os.Signal
	stops    int // SIGINT and SIGTERM so far
}

// notifySignals receives signals from now on: a SIGHUP during the start must not end the
// process. The channel has room for the signals that come before the service handles them.
func notifySignals() *signals {
	s := &signals{received: make(chan os.Signal, 8)}
	signal.Notify(s.received, syscall.SIGHUP, os.Interrupt, syscall.SIGTERM)
	return s
}

// stop receives no more signals.
func (s *signals) stop() { signal.Stop(s.received) }

// handle starts to handle the signals, and returns the function that ends it. flush writes
// the log, which would be lost with the process.
func (s *signals) handle(
	log *slog.Logger, flush func(), service *app.App, files []*certificates.Reloader,
) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var handling sync.WaitGroup
	handling.Go(func() { s.loop(ctx, log, flush, service, files) })
	return func() {
		cancel()
		handling.Wait()
	}
}

func (s *signals) loop(
	ctx context.Context, log *slog.Logger, flush func(), service *app.App, files []*certificates.Reloader,
) {
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-s.received:
			if sig == syscall.SIGHUP {
				reload(log, files)
				continue
			}
			if s.stops++; s.stops > 1 {
				calls, watches := service.InFlight()
				log.Warn("a second signal ends the process", "signal", sig.String(),
					"calls_cut_off", calls, "watches_cut_off", watches)
				flush()
				die(sig)
			}
		}
	}
}

// reload reads the certificate files again.
func reload(log *slog.Logger, files []*certificates.Reloader) {
	changed := false
	for _, r := range files {
		changed = r.Reload() || changed
	}
	log.Info("certificate files were read again after SIGHUP", "changed", changed)
}

// die ends the process by sig, so that its parent sees the signal.
func die(sig os.Signal) {
	signal.Reset(sig)
	self, err := os.FindProcess(os.Getpid())
	if err != nil || self.Signal(sig) != nil {
		os.Exit(1) // a system without this signal
	}
	select {} // the signal is on its way
}
