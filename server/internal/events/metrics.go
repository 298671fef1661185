package events

import (
	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/outcome"
)

// metrics counts events and watchers. No label is an agent, a phone number or a GUID.
type metrics struct {
	events      prometheus.Counter
	failedPolls *prometheus.CounterVec
	watchesLost *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, ls *logs) *metrics {
	m := &metrics{
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "agentconf_events_total", Help: "Events that polls of the gateway have returned.",
		}),
		failedPolls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_failed_polls_total", Help: "Failed polls of the gateway, by reason.",
		}, []string{"reason"}),
		watchesLost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentconf_watchers_lost_total", Help: "Watchers that agentconf ended, by reason.",
		}, []string{"reason"}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counted := func(value func() int) func() float64 {
		return func() float64 {
			ls.mu.Lock()
			defer ls.mu.Unlock()
			return float64(value())
		}
	}
	r.MustRegister(m.events, m.failedPolls, m.watchesLost,
		gauge("agentconf_watched_agents", "Agents whose events are kept.",
			counted(func() int { return len(ls.proven) + len(ls.unproven) })),
		gauge("agentconf_unproven_agents", "Agents whose GUID the gateway has not accepted yet.",
			counted(func() int { return len(ls.unproven) })),
		gauge("agentconf_watchers", "Open watches, and calls that wait for an event.",
			counted(func() int { return ls.consumers })),
		gauge("agentconf_watchers_limit", "Value of --max-watches.", counted(func() int { return ls.limit })),
		gauge("agentconf_pollers", "Agents that are polled.", counted(func() int { return ls.pollers })),
		gauge("agentconf_kept_event_bytes", "Bytes of the events that are kept.",
			func() float64 { return float64(ls.keptBytes.Load()) }))
	return m
}

// lost counts watchers that end with cause.
func (m *metrics) lost(cause *outcome.Error, n int) {
	m.watchesLost.WithLabelValues(string(cause.Reason)).Add(float64(n))
}
