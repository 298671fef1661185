package events

import "github.com/prometheus/client_golang/prometheus"

// metrics counts events and watchers. No label is an agent, a phone number or a GUID.
type metrics struct {
	events  prometheus.Counter
	evicted *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, ws *watches) *metrics {
	m := &metrics{
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "agentconf_events_total", Help: "Events polled for watchers.",
		}),
		evicted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_watchers_lost_total", Help: "Watchers that agentconf ended, by reason.",
		}, []string{"reason"}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	r.MustRegister(m.events, m.evicted,
		gauge("agentconf_watched_agents", "Agents whose events are kept.",
			func() float64 { return float64(ws.agentCount()) }),
		gauge("agentconf_watchers", "Open streams of events.",
			func() float64 { return float64(ws.watcherCount()) }))
	return m
}
