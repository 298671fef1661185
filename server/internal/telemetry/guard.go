package telemetry

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/outcome"
)

// Guard recovers from the panics of goroutines that serve no call, where a panic would end
// the process. It logs and counts them.
type Guard struct {
	log    *slog.Logger
	panics prometheus.Counter
}

// NewGuard returns a guard, and registers its metric.
func NewGuard(log *slog.Logger, metrics prometheus.Registerer) *Guard {
	g := &Guard{log, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "agentconf_background_panics_total",
		Help: "Panics outside of calls, from which agentconf has recovered.",
	})}
	metrics.MustRegister(g.panics)
	return g
}

// Recover is deferred by a goroutine. task names what it does.
func (g *Guard) Recover(task string) {
	if p := recover(); p != nil {
		g.record(task, outcome.Panicked("", p))
	}
}

// RecoverTo is deferred by a function that returns err, which becomes the error of the
// panic.
func (g *Guard) RecoverTo(err *error, task string) {
	if p := recover(); p != nil {
		e := outcome.Panicked(task, p)
		g.record(task, e)
		*err = e
	}
}

func (g *Guard) record(task string, e *outcome.Error) {
	g.panics.Inc()
	g.log.Error("panic", "task", task, "cause", e.Cause.Error())
}
