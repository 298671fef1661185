// Package ratelimit limits the requests that count together, such as those with one GUID, to a
// number in a second.
package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// slotCount is the number of counters of a Limit, which take 16 bytes each.
const slotCount = 1 << 16

// Limit counts the requests of each key in the current second of the clock. At the turn of a
// second, twice the limit may pass in a short time. It is safe for concurrent use.
//
// Callers can invent keys without end, so that the table has a fixed size and a key has one
// slot, by its hash. A key whose slot another one has taken within the second counts anew: the
// limit may then let more pass, and never rejects a key because of another. A slot holds a
// hash with a secret seed, and no key.
type Limit struct {
	limit     uint32
	seed      maphash.Seed
	evictions prometheus.Counter
	mu        sync.Mutex
	slots     []slot // nil without a limit
}

type slot struct {
	key    uint64
	second uint32
	count  uint32
}

// New returns a limit of requests a second; 0 is no limit. evictions counts the keys whose
// slot another one has taken within their second.
func New(limit int, evictions prometheus.Counter) *Limit {
	l := &Limit{limit: uint32(limit), seed: maphash.MakeSeed(), evictions: evictions}
	if limit > 0 {
		l.slots = make([]slot, slotCount)
	}
	return l
}

// Allow counts a request and reports whether it is within the limit.
func (l *Limit) Allow(key string) bool {
	if l.slots == nil {
		return true
	}
	return l.count(maphash.String(l.seed, key), uint32(time.Now().Unix())) <= l.limit
}

// count returns the number of requests of a key in a second, this one included.
func (l *Limit) count(key uint64, second uint32) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.slots[key%slotCount]
	if s.key != key || s.second != second {
		if s.second == second {
			l.evictions.Inc()
		}
		*s = slot{key: key, second: second}
	}
	s.count++
	return s.count
}
