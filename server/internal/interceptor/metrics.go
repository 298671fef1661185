package interceptor

import (
	"log/slog"
	"slices"

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
	errors           *prometheus.CounterVec
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
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_errors_total", Help: "Calls that failed, by operation, reason and outcome.",
		}, []string{"operation", "reason", "outcome"}),
	}
	r.MustRegister(m.started, m.handled, m.seconds, m.errors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "agentconf_calls_in_flight", Help: "Calls in flight. Watches and polls do not count.",
	}, inFlight))
	return m
}

// countError counts the error of a call. e is nil for a call that returned none, or one that
// has no outcome, such as that of a stream whose client has left.
func (m *metrics) countError(operation string, e *outcome.Error) {
	if e != nil {
		m.errors.WithLabelValues(operation, string(e.Reason), string(e.Outcome)).Inc()
	}
}

// method holds everything that is known of an RPC before a call, so that a call
// looks nothing up.
type method struct {
	rpc             string                 // service and name, such as p.Service/Method
	operation       string                 // the gateway's method name
	applied, failed map[Front]slog.Handler // write records of calls that returned OK, or an error
	started, ok     prometheus.Counter
	handled         *prometheus.CounterVec // by code; ok is the counter of OK
	seconds         prometheus.Observer
	retried         bool  // a stream or a long poll, which clients try again by themselves
	weight          int64 // of a call in flight: 1, or 0 for one that waits
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
	m := &method{
		rpc:       service + "/" + name,
		operation: operation,
		started:   i.metrics.started.WithLabelValues(kind, service, name),
		handled: i.metrics.handled.MustCurryWith(prometheus.Labels{
			"grpc_type": kind, "grpc_service": service, "grpc_method": name,
		}),
		seconds: i.metrics.seconds.WithLabelValues(kind, service, name),
	}
	m.applied, m.failed = i.handlers(kind, m)
	if !slices.Contains(i.longPolls, fullMethod) {
		m.weight = 1
	}
	m.retried = kind == serverStream || m.weight == 0
	m.ok = m.handled.WithLabelValues(codes.OK.String())
	i.methods[fullMethod] = m
}

// handlers returns the handlers for records of the calls of m, by front. They have encoded
// what all these records have in common once, before any call.
func (i *Interceptor) handlers(kind string, m *method) (applied, failed map[Front]slog.Handler) {
	applied, failed = map[Front]slog.Handler{}, map[Front]slog.Handler{}
	for _, front := range []Front{GRPC, REST, Dialect} {
		failed[front] = i.log.Handler().WithAttrs([]slog.Attr{
			slog.String(frontKey, string(front)), slog.String(operationKey, m.operation),
			slog.String(rpcMethodKey, m.rpc),
		})
		ok := []slog.Attr{slog.String(rpcStatusKey, outcome.CodeName(codes.OK))}
		if kind == unary { // the end of a stream is no answer of the gateway
			ok = append(ok, slog.String("retcode", outcome.Success), slog.String("outcome", string(outcome.Applied)))
		}
		applied[front] = failed[front].WithAttrs(ok)
	}
	return applied, failed
}
