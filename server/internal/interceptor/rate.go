package interceptor

import (
	"sync"
	"time"
)

// agentRate counts the calls for each agent in the current second of the clock. At
// the turn of a second, twice the limit may pass in a short time. The map is emptied every
// second, so that it holds at most the agents called in one.
type agentRate struct {
	limit  int // calls a second; 0 is no limit
	mu     sync.Mutex
	second int64
	calls  map[string]int
}

func newAgentRate(limit int) *agentRate {
	return &agentRate{limit: limit, calls: map[string]int{}}
}

// allow reports whether one more call for agent at a time is within the limit. A call
// without an agent is not limited: its agent ID is wrong, so that nothing is sent for it.
func (r *agentRate) allow(agent string, now time.Time) bool {
	if r.limit == 0 || agent == "" {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if second := now.Unix(); second != r.second {
		r.second = second
		clear(r.calls)
	}
	r.calls[agent]++
	return r.calls[agent] <= r.limit
}
