// Package app wires the rooms to the running service. The program, its demo and the
// tests of the whole product all build the service here, so that a test has the service of
// the program with other options.
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
	"agentconf/server/internal/passthrough"
	"agentconf/server/internal/session"
	"agentconf/server/internal/telemetry"
)

// Options are the settings of every room. New and Front set the fields that join the rooms:
// the logger, the metrics and the tracer of each, and those that one room has from another.
type Options struct {
	Log     *slog.Logger
	Metrics *prometheus.Registry
	Tracer  trace.Tracer // nil for no traces

	Certificates Certificates // for their metric

	Gateway   gateway.Options
	Operation operation.Options
	Events    events.Options
	Calls     interceptor.Options
	JSON      jsonfront.Options
	Lifecycle lifecycle.Options

	// PassThrough are the settings for the gateway's operations that the contract does not
	// have. They are forwarded if Forward is true.
	PassThrough passthrough.Options
	Forward     bool
}

// Defaults returns the options of a service whose flags have their default values, without
// log records. The URL of the gateway is missing. The highest agent ID is that of the pages
// of 2023; newer gateways have 999999 (page 0473).
func Defaults() Options {
	return Options{
		Log:     slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(),
		Gateway: gateway.Options{
			Timeout: 5 * time.Second, Breaker: gateway.Breaker{Failures: 5, Open: 2 * time.Second},
		},
		Operation: operation.Options{AgentIDMax: 59999, AgentRate: 100},
		Events:    events.Options{MaxWatches: 20000, Heartbeat: 15 * time.Second},
		Calls:     interceptor.Options{MaxInFlight: 10000},
		Forward:   true, PassThrough: passthrough.Options{MaxInFlight: 1000, Rate: 100},
		Lifecycle: lifecycle.Options{
			LogPeers: true,
			Limits:   lifecycle.DefaultLimits, ProbeInterval: 5 * time.Second,
			DrainDelay: 5 * time.Second, DrainTimeout: lifecycle.DefaultDrainTimeout,
		},
	}
}

// Services are implementations of the contract: those of this program, or stubs of a test.
type Services struct {
	Conference agentconfv1.ConferenceServiceServer
	Session    agentconfv1.SessionServiceServer
	Event      agentconfv1.EventServiceServer

	// Stop is called once, when the ports are closed. Every call has to end within the
	// time. It returns when no new calls need to be accepted.
	Stop func(within time.Duration)
}

func (s Services) register(r grpc.ServiceRegistrar) {
	agentconfv1.RegisterConferenceServiceServer(r, s.Conference)
	agentconfv1.RegisterSessionServiceServer(r, s.Session)
	agentconfv1.RegisterEventServiceServer(r, s.Event)
}

// App is the service behind both fronts, with its client of the gateway.
type App struct {
	*lifecycle.Server
	gateway     *gateway.Client
	passThrough *gateway.Transport
}

// New builds the service in front of the gateway. It opens no connection and no port. Its
// error names a wrong option of the gateway.
func New(o Options) (*App, error) {
	guard := telemetry.NewGuard(o.Log, o.Metrics)
	o.Gateway.Recover, o.Lifecycle.Guard = guard.Recover, guard
	o.Lifecycle.Descriptors = lifecycle.NewDescriptors(o.Log, o.Metrics)
	if o.Gateway.Dial == nil {
		o.Gateway.Dial = o.Lifecycle.Descriptors.Dial
	}
	client, err := gateway.New(o.Gateway)
	if err != nil {
		return nil, err
	}
	o.Metrics.MustRegister(state{o, client})
	o.Operation.Metrics, o.Operation.Tracer = o.Metrics, o.Tracer
	operations := operation.NewRunner(client, o.Operation)
	o.Events.Log, o.Events.Metrics, o.Events.Guard = o.Log, o.Metrics, guard
	eventService := events.New(operations, o.Events)
	operations.OnGUID(eventService.RenewGUID)
	o.Lifecycle.Probe, o.Lifecycle.Ask = client.Probe, client.Ask
	transport := gateway.NewTransport(client, events.LongestCall(o.Gateway.Timeout))
	if o.Forward {
		o.JSON.PassThrough = o.passThrough(transport, eventService).Forward
	}
	server := Front(o, Services{
		Conference: conference.New(operations, eventService),
		Session:    session.New(operations, eventService),
		Event:      eventService,
		Stop:       eventService.Stop,
	})
	return &App{server, client, transport}, nil
}

// passThrough builds the reverse proxy.
func (o Options) passThrough(transport http.RoundTripper, eventService *events.Service) *passthrough.Proxy {
	p := o.PassThrough
	p.Transport, p.RenewGUID = transport, eventService.RenewGUID
	p.Log, p.Metrics, p.RequestTime = o.Log, o.Metrics, o.Lifecycle.Limits.RequestTime
	return passthrough.New(p)
}

// Serve accepts calls on both listeners until ctx is done, and drains then. The idle
// connections to the gateway are closed last, as calls may use them until the drain ends.
func (a *App) Serve(ctx context.Context, grpcListener, httpListener net.Listener) error {
	defer a.gateway.Close()
	defer a.passThrough.Close()
	return a.Server.Serve(ctx, grpcListener, httpListener)
}

// Front builds the fronts of services. A call passes the interceptor once, whichever front
// it comes by: the gRPC server has it as an option, and the JSON front calls the services
// through a connection without a socket that has it too.
func Front(o Options, services Services) *lifecycle.Server {
	o.Calls.Log, o.Calls.Metrics, o.Calls.Tracer = o.Log, o.Metrics, o.Tracer
	o.Calls.LongPolls = []string{agentconfv1.EventService_GetAgentEvent_FullMethodName}
	calls := interceptor.New(o.Calls)
	services.register(calls)
	conn := inprocess.New(calls.Unary, calls.Stream)
	services.register(conn)

	o.JSON.Conn, o.JSON.Log, o.JSON.Metrics = conn, o.Log, o.Metrics
	o.JSON.MaxRequest, o.JSON.WriteTimeout = o.Lifecycle.Limits.Request, o.Lifecycle.Limits.RequestTime
	l := o.Lifecycle
	l.Log, l.Metrics, l.InFlight = o.Log, o.Metrics, calls.InFlight
	if l.Descriptors == nil { // fronts of a test, without a gateway
		l.Descriptors = lifecycle.NewDescriptors(o.Log, o.Metrics)
	}
	if l.Guard == nil {
		l.Guard = telemetry.NewGuard(o.Log, o.Metrics)
	}
	l.Register, l.StopServices = services.register, services.Stop
	l.Unary, l.Stream, l.JSON = calls.Unary, calls.Stream, jsonfront.New(o.JSON)
	return lifecycle.New(l)
}
