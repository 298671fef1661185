package operation

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/outcome"
)

// rateSlots is the number of counters of a rateLimit, which take 16 bytes each.
const rateSlots = 1 << 16

// rateLimit counts the requests of each GUID in the current second of the clock. At the
// turn of a second, twice the limit may pass in a short time.
//
// Callers can invent GUIDs without end, so that the table has a fixed size and a GUID has one
// slot, by its hash. A GUID whose slot another one has taken within the second counts anew:
// the limit may then let more pass, and never rejects a GUID because of another. A slot holds
// a hash with a secret seed, and no GUID.
//
// A sign-in has no GUID and counts by its agent ID, with a seed of its own. Anybody can make
// sign-ins of an agent, which must not take calls from the session that the agent has.
type rateLimit struct {
	limit          uint32 // requests a second; 0 is no limit
	guids, signIns maphash.Seed
	evictions      prometheus.Counter
	mu             sync.Mutex
	slots          []rateSlot
}

type rateSlot struct {
	key    uint64
	second uint32
	calls  uint32
}

func newRateLimit(limit int, r prometheus.Registerer) *rateLimit {
	l := &rateLimit{
		limit: uint32(limit), guids: maphash.MakeSeed(), signIns: maphash.MakeSeed(),
		evictions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "agentconf_rate_evictions_total",
			Help: "Counts of --agent-rate that a request with another GUID replaced within their second.",
		}),
	}
	r.MustRegister(l.evictions)
	if limit > 0 {
		l.slots = make([]rateSlot, rateSlots)
	}
	return l
}

// admit counts a request of op with a GUID that Check returned, and returns an error if it is
// beyond the limit.
func (l *rateLimit) admit(op Operation, guid string) error {
	if l.limit == 0 {
		return nil
	}
	seed, text, what := l.guids, guid, "calls with the GUID of this call"
	if op.NoGUID {
		seed, text, what = l.signIns, op.Request.GetAgentId(), "sign-ins of this agent"
	}
	if l.count(maphash.String(seed, text), uint32(time.Now().Unix())) > l.limit {
		return outcome.RateExceeded(op.Name, what)
	}
	return nil
}

// count returns the number of requests of a key in a second, this one included.
func (l *rateLimit) count(key uint64, second uint32) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot := &l.slots[key%rateSlots]
	if slot.key != key || slot.second != second {
		if slot.second == second {
			l.evictions.Inc()
		}
		*slot = rateSlot{key: key, second: second}
	}
	slot.calls++
	return slot.calls
}
