// Package harness starts the service inside a test of the whole product.
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
// limit and drain delay. The test adds the gateway and its own options.
func Options(log *slog.Logger, metrics *prometheus.Registry) app.Options {
	o := app.Defaults()
	o.Log, o.Metrics = log, metrics
	o.Gateway.URL, o.Gateway.Breaker.Failures = "http://gateway.test:8043", 0
	o.Operation.AgentRate = 0
	o.Lifecycle.ProbeInterval, o.Lifecycle.DrainDelay = 0, 0
	return o
}

// Server is a service, or only its fronts.
type Server interface {
	Serve(ctx context.Context, grpcListener, httpListener net.Listener) error
}

// RunningServer is a server that accepts calls.
type RunningServer struct {
	Stop  context.CancelFunc // starts the drain, as a signal does
	Ended <-chan error       // receives the error of Serve once

	done chan struct{}
}

// Serve runs server until Stop is called or the test ends.
func Serve(t testing.TB, server Server, grpcListener, httpListener net.Listener) *RunningServer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r := &RunningServer{Stop: cancel, Ended: ended, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		ended <- server.Serve(ctx, grpcListener, httpListener)
	}()
	t.Cleanup(func() { r.End() })
	return r
}

// End stops the server and waits for its end. It returns the error of Serve unless the
// test has received it from Ended.
func (r *RunningServer) End() error {
	r.Stop()
	<-r.done
	select {
	case err := <-r.Ended:
		return err
	default:
		return nil
	}
}

// Log is a buffer for log records. It may be read while the service runs.
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

// Reset discards the records so far.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = l.text[:0]
}
