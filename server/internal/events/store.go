package events

import (
	"sort"
	"sync"
	"sync/atomic"
	"time"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	// replayWindow is how long events are kept. The gateway signs an agent out after the
	// same time without a poll (page 1202), so that no client of the agent stays away
	// longer.
	replayWindow = 2 * time.Minute

	// maxKeptEntries and maxKeptBytes bound the entries of one log. The newest entry is
	// kept, whatever its size.
	maxKeptEntries = 1000
	maxKeptBytes   = 256 << 10
)

// kind is the kind of an entry.
type kind uint8

const (
	eventEntry     kind = iota // an event of the agent
	guidEntry                  // a new GUID
	failedEntry                // the polls began to fail, or failed again
	recoveredEntry             // a poll has succeeded again
	barrierEntry               // a confirmed call is about to be sent
)

// entry is one entry of a log. It is not changed once it is appended.
type entry struct {
	kind kind

	// position is the number of the entry in its log. sequence counts only events: that of
	// an event, or of the last event before any other entry. The store sets both.
	position, sequence int64

	// seen is the position of the last entry that the poller had seen when the gateway
	// answered the poll of this event. Only an event that has seen the barrier of a call
	// was handed out after that call began.
	seen int64

	at   time.Duration // since the start of the store's clock
	data string        // an event as the gateway sent it, or a GUID

	failure *agentconfv1.PollFailed // of a failedEntry
}

// size returns the bytes that count for the bound. 64 is about the size of the struct.
func (e entry) size() int { return len(e.data) + 64 }

// store keeps the entries of one log. A log is appended to, then applied: append calls the
// subscriber with each entry in the order of the positions, one at a time. The subscriber
// takes the lock of logs, so that append must not be called with it held.
//
// The store in memory is the only one. The log assumes no more than these methods promise,
// so that a store that several processes share can replace it.
type store interface {
	// append adds an entry and returns its position, after the subscriber has applied it.
	append(e entry) (position int64)

	// read returns the kept entries after a position, in order. It reports whether an
	// entry between the position and the first one is not kept any more.
	read(after int64) (entries []entry, missing bool)

	// subscribe sets the function that applies the entries from the next one on. The
	// entries are dropped when cancel is called.
	subscribe(apply func(entry)) (cancel func())
}

// memory is a store in the memory of one process.
type memory struct {
	clock func() time.Duration
	total *atomic.Int64 // bytes kept by all stores

	appending sync.Mutex // held until the entry is applied
	apply     func(entry)

	mu      sync.Mutex // guards everything below
	kept    []entry
	bytes   int   // of kept
	dropped entry // the last one that is not kept any more
}

// newMemory returns an empty store whose first event gets the sequence after first. total
// counts the bytes that all stores keep.
func newMemory(first int64, clock func() time.Duration, total *atomic.Int64) *memory {
	return &memory{clock: clock, total: total, apply: func(entry) {}, dropped: entry{sequence: first}}
}

func (m *memory) subscribe(apply func(entry)) (cancel func()) {
	m.appending.Lock()
	defer m.appending.Unlock()
	m.apply = apply
	return m.drop
}

func (m *memory) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Add(-int64(m.bytes))
	m.total = new(atomic.Int64) // a poll in flight may still append
	m.kept, m.bytes = nil, 0
}

func (m *memory) append(e entry) int64 {
	m.appending.Lock()
	defer m.appending.Unlock()
	e = m.keep(e)
	m.apply(e)
	return e.position
}

// keep gives an entry its numbers, and keeps it.
func (m *memory) keep(e entry) entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := m.last()
	e.position, e.sequence, e.at = last.position+1, last.sequence, m.clock()
	if e.kind == eventEntry {
		e.sequence++
	}
	if len(m.kept) == cap(m.kept) {
		m.move()
	}
	m.kept = append(m.kept, e)
	m.bytes += e.size()
	m.total.Add(int64(e.size()))
	m.trim(e.at)
	return e
}

func (m *memory) last() entry {
	if len(m.kept) == 0 {
		return m.dropped
	}
	return m.kept[len(m.kept)-1]
}

// trim drops the oldest entries beyond a bound. The rest moves to a smaller array if it fills
// less than half of its own.
func (m *memory) trim(now time.Duration) {
	n := 0
	for n < len(m.kept)-1 && (len(m.kept)-n > maxKeptEntries || m.bytes > maxKeptBytes ||
		now-m.kept[n].at > replayWindow) {
		m.bytes -= m.kept[n].size()
		m.total.Add(-int64(m.kept[n].size()))
		m.dropped = m.kept[n]
		m.dropped.data, m.dropped.failure = "", nil
		n++
	}
	m.kept = m.kept[n:]
	if n > 0 && cap(m.kept) > 2*len(m.kept) {
		m.move()
	}
}

// move moves the entries to an array with room for a quarter more. Readers may still hold the
// old one, so that it is never written again.
func (m *memory) move() {
	m.kept = append(make([]entry, 0, len(m.kept)+len(m.kept)/4+1), m.kept...)
}

func (m *memory) read(after int64) (entries []entry, missing bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trim(m.clock())
	i := sort.Search(len(m.kept), func(i int) bool { return m.kept[i].position > after })
	return m.kept[i:len(m.kept):len(m.kept)], after < m.dropped.position
}
