package passthrough

import (
	"fmt"
	"log/slog"
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
	x.request.Took = time.Since(x.request.Start)
	attrs := []slog.Attr{slog.String("family", x.family), slog.String("http.request.method", interceptor.KnownMethod(x.method))}
	if x.status != 0 {
		attrs = append(attrs, slog.Int("http.response.status_code", x.status))
	}
	if x.err != nil {
		attrs = append(attrs, interceptor.FailureAttrs(x.err)...)
	}
	p.recorder.Write(level, x.request, attrs...)
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
