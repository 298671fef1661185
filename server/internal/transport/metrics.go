package transport

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// metrics count calls, by the names that dashboards of gRPC servers know. A label
// is never an agent, a number or a GUID.
type metrics struct {
	started, handled *prometheus.CounterVec
	seconds          *prometheus.HistogramVec
	unknown          *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, inFlight func() float64) *metrics {
	method := []string{"grpc_type", "grpc_service", "grpc_method"}
	m := &metrics{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grpc_server_started_total", Help: "Calls begun, over gRPC and over JSON.",
		}, method),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grpc_server_handled_total", Help: "Calls ended, by the code of their status.",
		}, append(method, "grpc_code")),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grpc_server_handling_seconds", Help: "Time that calls took.", Buckets: prometheus.DefBuckets,
		}, method),
	}
	m.unknown = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "agentconf_outcome_unknown_total", Help: "Calls of which nobody knows whether they were applied, by cause.",
	}, []string{"reason", "grpc_code"})
	calls := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "agentconf_calls_in_flight", Help: "Calls under way, watches not counted.",
	}, inFlight)
	r.MustRegister(m.started, m.handled, m.seconds, m.unknown, calls)
	return m
}

// method is an RPC with all that is known of it before a call, so that a call has
// nothing to look up.
type method struct {
	service     string
	name        string
	operation   string       // the gateway's name of it
	log         slog.Handler // writes lines of calls that ended well
	started, ok prometheus.Counter
	handled     *prometheus.CounterVec // by code, OK included
	seconds     prometheus.Observer
}

// ended counts the end of a call.
func (m *method) ended(code codes.Code, seconds float64) {
	m.seconds.Observe(seconds)
	if code == codes.OK {
		m.ok.Inc()
		return
	}
	m.handled.WithLabelValues(code.String()).Inc()
}

// unary is the grpc_type of a call that is no stream.
const unary = "unary"

// methods are the RPCs of the services that are registered, by full name.
type methods struct {
	log     *slog.Logger
	metrics *metrics
	byName  map[string]*method
}

// RegisterService takes the methods of a service. It is the counterpart of
// grpc.Server's.
func (ms *methods) RegisterService(desc *grpc.ServiceDesc, _ any) {
	for _, m := range desc.Methods {
		ms.add(unary, desc.ServiceName, m.MethodName)
	}
	for _, s := range desc.Streams {
		ms.add("server_stream", desc.ServiceName, s.StreamName)
	}
}

func (ms *methods) add(kind, service, name string) {
	fullName := "/" + service + "/" + name
	operation := operationOf(fullName)
	first := appliedAttrs(operation)
	if kind != unary { // the end of a stream says nothing of the gateway
		first = attrs(operation, codes.OK)
	}
	m := &method{
		service:   service,
		name:      name,
		operation: operation,
		log:       ms.log.Handler().WithAttrs(first),
		started:   ms.metrics.started.WithLabelValues(kind, service, name),
		handled: ms.metrics.handled.MustCurryWith(prometheus.Labels{
			"grpc_type": kind, "grpc_service": service, "grpc_method": name,
		}),
		seconds: ms.metrics.seconds.WithLabelValues(kind, service, name),
	}
	m.ok = m.handled.WithLabelValues(codes.OK.String())
	ms.byName[fullName] = m
}
