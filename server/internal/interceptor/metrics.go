package interceptor

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"agentconf/server/internal/outcome"
)

// metrics counts calls under the names that dashboards of gRPC servers use, those of
// go-grpc-prometheus. No label is an agent, a phone number or a GUID.
type metrics struct {
	started, handled *prometheus.CounterVec
	seconds          *prometheus.HistogramVec
	unknown          *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, inFlight func() float64) *metrics {
	method := []string{"grpc_type", "grpc_service", "grpc_method"}
	m := &metrics{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grpc_server_started_total", Help: "Calls started, over gRPC and over JSON.",
		}, method),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grpc_server_handled_total", Help: "Calls completed, by status code.",
		}, append(method, "grpc_code")),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grpc_server_handling_seconds", Help: "Duration of calls in seconds.",
			Buckets: prometheus.DefBuckets,
		}, method),
		unknown: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_outcome_unknown_total",
			Help: "Calls whose outcome is unknown, by reason and status code.",
		}, []string{"reason", "grpc_code"}),
	}
	r.MustRegister(m.started, m.handled, m.seconds, m.unknown, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "agentconf_calls_in_flight", Help: "Calls in flight. Watches do not count.",
	}, inFlight))
	return m
}

// countUnknown counts the error of a call if its outcome is unknown. e may be nil.
func (m *metrics) countUnknown(e *outcome.Error) {
	if e != nil && e.Outcome == outcome.Unknown {
		m.unknown.WithLabelValues(string(e.Reason), e.Code.String()).Inc()
	}
}

// method holds everything that is known of an RPC before a call, so that a call
// looks nothing up.
type method struct {
	service, name string
	operation     string       // the gateway's method name
	applied       slog.Handler // writes records of calls that returned OK
	started, ok   prometheus.Counter
	handled       *prometheus.CounterVec // by code; ok is the counter of OK
	seconds       prometheus.Observer
}

// count counts a completed call.
func (m *method) count(code codes.Code, seconds float64) {
	m.seconds.Observe(seconds)
	if code == codes.OK {
		m.ok.Inc()
		return
	}
	m.handled.WithLabelValues(code.String()).Inc()
}

// The values of the label grpc_type.
const (
	unary        = "unary"
	serverStream = "server_stream"
)

// RegisterService implements grpc.ServiceRegistrar. It reads the names only; the service is
// registered with a server as well. Calls of methods that are not registered, such as health
// checks, pass without limit, metrics and log record. It must not be called once calls are
// served.
func (i *Interceptor) RegisterService(desc *grpc.ServiceDesc, _ any) {
	for _, m := range desc.Methods {
		i.register(unary, desc.ServiceName, m.MethodName)
	}
	for _, s := range desc.Streams {
		i.register(serverStream, desc.ServiceName, s.StreamName)
	}
}

// register prepares an RPC. The series of its calls that return OK exist from then on, with
// the value 0, so that the first call is an increase.
func (i *Interceptor) register(kind, service, name string) {
	fullMethod := "/" + service + "/" + name
	operation := OperationName(fullMethod)
	attrs := appliedAttrs(operation)
	if kind == serverStream { // the end of a stream is no answer of the gateway
		attrs = baseAttrs(operation, codes.OK)
	}
	m := &method{
		service:   service,
		name:      name,
		operation: operation,
		applied:   i.log.Handler().WithAttrs(attrs),
		started:   i.metrics.started.WithLabelValues(kind, service, name),
		handled: i.metrics.handled.MustCurryWith(prometheus.Labels{
			"grpc_type": kind, "grpc_service": service, "grpc_method": name,
		}),
		seconds: i.metrics.seconds.WithLabelValues(kind, service, name),
	}
	m.ok = m.handled.WithLabelValues(codes.OK.String())
	i.methods[fullMethod] = m
}
