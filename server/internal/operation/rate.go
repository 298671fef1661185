package operation

import (
	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/ratelimit"
)

func newRateLimit(limit int, r prometheus.Registerer) *ratelimit.Limit {
	evictions := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "agentconf_rate_evictions_total",
		Help: "Counts of --agent-rate that a request with another GUID replaced within their second.",
	})
	r.MustRegister(evictions)
	return ratelimit.New(limit, evictions)
}

// Admit counts a request that is about to be sent, with a GUID that Check returned. It returns
// an *outcome.Error if the request is beyond the rate limit. Polls of agentconf itself are
// not counted.
//
// A sign-in has no GUID and counts by its agent ID, under a key that no GUID is. Anybody can
// make sign-ins of an agent, which must not take calls from the session that the agent has.
func (r *Runner) Admit(op Operation, guid string) error {
	key, what := guid, "calls with the GUID of this call"
	if op.NoGUID {
		key, what = "sign-in of "+op.Request.GetAgentId(), "sign-ins of this agent"
	}
	if !r.rate.Allow(key) {
		return outcome.RateExceeded(op.Name, what)
	}
	return nil
}
