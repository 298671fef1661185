package conference

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/gateway"
)

// Retcodes that are no retcode of the error table stand as one of these in metrics:
// what a gateway may make up must not make up series.
const (
	otherRetcode = "other"
	noRetcode    = "none" // no answer came that can be trusted
)

// metrics are of the calls to the gateway, and of the watches. A label is never an
// agent, a number or a GUID.
type metrics struct {
	calls   *prometheus.CounterVec
	seconds prometheus.Histogram
	events  prometheus.Counter
	lost    *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, gateway *gateway.Client, ws *watches) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_gateway_calls_total", Help: "Calls to the CC-Gateway, polls included, by the retcode of the answer.",
		}, []string{"operation", "retcode"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "agentconf_gateway_seconds", Help: "Time that the CC-Gateway took to answer, polls not included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "agentconf_events_total", Help: "Events that polls for watchers brought.",
		}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_watchers_lost_total", Help: "Watchers that were ended before they gave up, by reason.",
		}, []string{"reason"}),
	}
	count := func(name, help string, of func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, of)
	}
	gauge := func(name, help string, of func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, of)
	}
	r.MustRegister(m.calls, m.seconds, m.events, m.lost,
		count("agentconf_gateway_connections_opened_total", "Connections to the CC-Gateway that were opened, those of probes included.",
			func() float64 { return float64(gateway.Connections().Opened) }),
		count("agentconf_gateway_connections_reused_total", "Calls to the CC-Gateway on a connection that served one before.",
			func() float64 { return float64(gateway.Connections().Reused) }),
		gauge("agentconf_watched_agents", "Agents whose events are kept here.", func() float64 { return float64(ws.agents()) }),
		gauge("agentconf_watchers", "Streams of events to callers.", func() float64 { return float64(ws.watchers()) }))
	return m
}

// called counts a call to the gateway that ended with err.
func (m *metrics) called(op operation, took time.Duration, err error) {
	m.calls.WithLabelValues(op.name, retcodeLabel(err)).Inc()
	if op.patience == 0 {
		m.seconds.Observe(took.Seconds())
	}
}

func retcodeLabel(err error) string {
	if err == nil {
		return Success
	}
	answer, _ := errors.AsType[*gateway.Error](err)
	if answer == nil || answer.Kind != gateway.Refused {
		return noRetcode
	}
	if _, known := meanings[answer.Retcode]; known {
		return answer.Retcode
	}
	return otherRetcode
}
