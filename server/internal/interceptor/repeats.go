package interceptor

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	// repeatInterval is the least time between two records of one agent's refused watches, or
	// polls.
	repeatInterval = time.Minute

	// repeatSlots is the number of agents whose refusals are remembered, at 24 bytes each.
	repeatSlots = 1 << 12
)

// repeats thins out the log records of watches and polls that are refused with
// UNAUTHENTICATED: clients with an old GUID try again every second. The table has a fixed
// size. An agent whose slot another one has taken is logged anew.
type repeats struct {
	seed  maphash.Seed
	mu    sync.Mutex
	slots [repeatSlots]repeatSlot
}

type repeatSlot struct {
	key      uint64
	logged   int64 // unix seconds of the last record
	unlogged int64 // refusals since
}

func newRepeats() *repeats { return &repeats{seed: maphash.MakeSeed()} }

// due counts a refusal, and reports whether it is logged, with the number of those before it
// that were not.
func (r *repeats) due(operation, agent string, now time.Time) (unlogged int64, due bool) {
	key := maphash.Comparable(r.seed, [2]string{operation, agent})
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := &r.slots[key%repeatSlots]
	if slot.key == key && now.Unix() < slot.logged+int64(repeatInterval/time.Second) {
		slot.unlogged++
		return 0, false
	}
	if slot.key == key {
		unlogged = slot.unlogged
	}
	*slot = repeatSlot{key: key, logged: now.Unix()}
	return unlogged, true
}
