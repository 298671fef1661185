// Package app wires the rooms to the running service. The program, its demo and the
// tests of the whole product all build the service here.
package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/conference"
	"agentconf/server/internal/events"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/inprocess"
	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/jsonfront"
	"agentconf/server/internal/lifecycle"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/session"
)

// Options are the settings of every room. New sets the fields that join the rooms.
type Options struct {
	Log     *slog.Logger
	Metrics *prometheus.Registry
	Tracer  trace.Tracer // nil for no traces

	Gateway   gateway.Options
	Operation operation.Options
	Calls     interceptor.Options
	JSON      jsonfront.Options
	Lifecycle lifecycle.Options
}

// Defaults returns the options of a service whose flags have their default values. The
// gateway is missing.
func Defaults() Options {
	return Options{
		Log:       slog.New(slog.DiscardHandler),
		Metrics:   prometheus.NewRegistry(),
		Gateway:   gateway.Options{Timeout: 5 * time.Second, Breaker: gateway.Breaker{Failures: 5, Open: 2 * time.Second}},
		Operation: operation.Options{AgentIDMax: 59999},
		Calls:     interceptor.Options{MaxInFlight: 10000, AgentRate: 100},
		Lifecycle: lifecycle.Options{
			Limits: lifecycle.DefaultLimits, ProbeInterval: 5 * time.Second,
			DrainDelay: 5 * time.Second, DrainTimeout: lifecycle.DefaultDrainTimeout,
		},
	}
}

// App is the service. It does not listen yet.
type App struct {
	server  *lifecycle.Server
	gateway *gateway.Client
}

// New builds the service.
func New(o Options) (*App, error) {
	client, err := gateway.New(o.Gateway)
	if err != nil {
		return nil, err
	}
	o.Operation.Metrics, o.Operation.Tracer = o.Metrics, o.Tracer
	operations := operation.NewRunner(client, o.Operation)
	eventService := events.New(operations, o.Metrics)
	conferenceService := conference.New(operations, eventService)
	sessionService := session.New(operations, eventService)
	register := func(r grpc.ServiceRegistrar) {
		agentconfv1.RegisterConferenceServiceServer(r, conferenceService)
		agentconfv1.RegisterSessionServiceServer(r, sessionService)
		agentconfv1.RegisterEventServiceServer(r, eventService)
	}

	o.Calls.Log, o.Calls.Metrics, o.Calls.Tracer = o.Log, o.Metrics, o.Tracer
	calls := interceptor.New(o.Calls)
	register(calls)
	conn := inprocess.New(calls.Unary, calls.Stream)
	register(conn)

	o.JSON.Conn, o.JSON.Log, o.JSON.MaxRequest = conn, o.Log, o.Lifecycle.Limits.Request
	l := o.Lifecycle
	l.Log, l.Metrics, l.Probe = o.Log, o.Metrics, client.Probe
	l.Register, l.StopServices = register, eventService.Stop
	l.Unary, l.Stream, l.JSON = calls.Unary, calls.Stream, jsonfront.New(o.JSON)
	return &App{lifecycle.New(l), client}, nil
}

// Serve accepts calls on both listeners until ctx is done, and drains then.
func (a *App) Serve(ctx context.Context, grpcListener, httpListener net.Listener) error {
	defer a.gateway.Close()
	return a.server.Serve(ctx, grpcListener, httpListener)
}

// Ready returns the handler of /readyz.
func (a *App) Ready() http.Handler { return a.server.Ready() }
