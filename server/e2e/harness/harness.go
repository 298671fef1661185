// Package harness starts the service inside a test, for the tests of the whole product.
package harness

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/app"
)

// Options returns the options of a service under test: without probes, breaker, rate
// limit and drain delay. The test sets the gateway and what else it is about.
func Options(log *slog.Logger, metrics *prometheus.Registry) app.Options {
	o := app.Defaults()
	o.Log, o.Metrics = log, metrics
	o.Gateway.URL, o.Gateway.Breaker.Failures = "http://gateway.test:8043", 0
	o.Calls.AgentRate = 0
	o.Lifecycle.ProbeInterval, o.Lifecycle.DrainDelay = 0, 0
	return o
}

// Server is a service, or its fronts alone.
type Server interface {
	Serve(ctx context.Context, grpcListener, httpListener net.Listener) error
}

// Running is a service that accepts calls.
type Running struct {
	Stop  context.CancelFunc // orders the service to stop, as a signal does
	Ended <-chan error       // receives the error of Serve once

	done chan struct{}
}

// Serve runs server until Stop is called or the test ends.
func Serve(t testing.TB, server Server, grpcListener, httpListener net.Listener) *Running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r := &Running{Stop: cancel, Ended: ended, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		ended <- server.Serve(ctx, grpcListener, httpListener)
	}()
	t.Cleanup(func() { r.End() })
	return r
}

// End stops the service and waits for its end. It returns the error of Serve unless the
// test has received it from Ended.
func (r *Running) End() error {
	r.Stop()
	<-r.done
	select {
	case err := <-r.Ended:
		return err
	default:
		return nil
	}
}

// Log is a buffer for log records that may be read while the service runs.
type Log struct {
	mu   sync.Mutex
	text []byte
}

func (l *Log) Write(record []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, record...)
	return len(record), nil
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// Reset forgets the records written so far.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = l.text[:0]
}
