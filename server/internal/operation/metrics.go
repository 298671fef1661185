package operation

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
)

// Label values in place of a retcode. A retcode that is not in meanings is "other", so
// that a gateway cannot create series.
const (
	otherRetcode = "other"
	noRetcode    = "none" // no answer that can be trusted
)

// metrics counts the requests to the gateway. No label is an agent, a phone number or
// a GUID.
type metrics struct {
	calls    *prometheus.CounterVec
	accepted sync.Map // from operation to the counter of its accepted calls, which calls need not look up
	seconds  prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, client *gateway.Client) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_gateway_calls_total",
			Help: "Requests to the CC-Gateway, polls included, by retcode of the answer.",
		}, []string{"operation", "retcode"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "agentconf_gateway_seconds",
			Help:    "Duration of requests to the CC-Gateway in seconds, polls excluded.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	counter := func(name, help string, value func(gateway.Connections) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(client.Connections())) })
	}
	r.MustRegister(m.calls, m.seconds,
		counter("agentconf_gateway_connections_opened_total", "Connections opened to the CC-Gateway, probes included.",
			func(c gateway.Connections) int64 { return c.Opened }),
		counter("agentconf_gateway_connections_reused_total", "Requests to the CC-Gateway on an idle connection.",
			func(c gateway.Connections) int64 { return c.Reused }))
	return m
}

// count counts a request to the gateway that returned err. A long poll takes as long as no
// event comes, so that its duration says nothing about the gateway.
func (m *metrics) count(op Operation, took time.Duration, err error) {
	m.counter(op.Name, err).Inc()
	if op.LongPoll == 0 {
		m.seconds.Observe(took.Seconds())
	}
}

func (m *metrics) counter(operation string, err error) prometheus.Counter {
	if err != nil {
		return m.calls.WithLabelValues(operation, retcodeLabel(err))
	}
	if counter, ok := m.accepted.Load(operation); ok {
		return counter.(prometheus.Counter)
	}
	counter := m.calls.WithLabelValues(operation, outcome.Success)
	m.accepted.Store(operation, counter)
	return counter
}

// retcodeLabel returns the value of the label retcode of a failed request.
func retcodeLabel(err error) string {
	failure, _ := errors.AsType[*gateway.Error](err)
	if failure == nil || failure.Kind != gateway.Refused {
		return noRetcode
	}
	if _, known := meanings[failure.Retcode]; known {
		return failure.Retcode
	}
	return otherRetcode
}
