package passthrough

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
)

// The values of the label result for a request without a response of the gateway.
const (
	resultNotSent  = "not_sent"
	resultNoAnswer = "no_answer"
)

// metrics counts the requests. No label is an agent or a GUID.
type metrics struct {
	requests  *prometheus.CounterVec
	evictions prometheus.Counter
}

func newMetrics(r prometheus.Registerer, inFlight func() float64) *metrics {
	m := &metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "agentconf_pass_through_requests_total",
		Help: "Requests passed through to the CC-Gateway, by the class of the HTTP status of its answer, " +
			"or not_sent, or no_answer.",
	}, []string{"family", "result"}), evictions: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "agentconf_pass_through_rate_evictions_total",
		Help: "Counts of --pass-through-rate that a request with another GUID replaced within their second.",
	})}
	r.MustRegister(m.requests, m.evictions, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "agentconf_pass_through_in_flight", Help: "Requests passed through and in flight.",
	}, inFlight))
	return m
}

// finish counts and logs the end of a request.
func (p *Proxy) finish(x *exchange) {
	p.metrics.requests.WithLabelValues(x.family, x.result()).Inc()
	level := slog.LevelInfo
	if x.err != nil {
		level = interceptor.LevelOf(x.err)
	}
	if !p.options.Log.Enabled(context.Background(), level) {
		return
	}
	end := time.Now()
	record := slog.NewRecord(end, level, "call", 0)
	record.AddAttrs(slog.String("front", "pass-through"), slog.String("family", x.family),
		slog.String("method", loggedMethod(x.method)))
	if x.status != 0 {
		record.AddAttrs(slog.Int("status", x.status))
	}
	if x.err != nil {
		record.AddAttrs(interceptor.FailureAttrs(x.err)...)
	}
	record.AddAttrs(slog.String("agent", x.agentID), slog.Duration("took", end.Sub(x.start)),
		slog.String("request_id", x.requestID))
	_ = p.options.Log.Handler().Handle(context.Background(), record) // a failing log cannot be reported
}

// result returns the value of the label result.
func (x *exchange) result() string {
	switch {
	case x.err == nil:
		return fmt.Sprintf("%dxx", x.status/100)
	case x.err.Outcome == outcome.NotApplied:
		return resultNotSent
	}
	return resultNoAnswer
}

// loggedMethod returns the method for a record. A client may send any word as a method.
func loggedMethod(method string) string {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}
