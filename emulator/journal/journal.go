// Package journal keeps what happened at an emulated gateway: requests, events, their
// deliveries, the acts of people and the control of the emulator itself.
package journal

import (
	"encoding/json"
	"sync"
	"time"
)

// Kinds of entries.
const (
	Request  = "request"  // a request to the gateway
	Event    = "event"    // an event happened
	Delivery = "delivery" // an event reached its agent
	Person   = "person"   // a person acted: answered, refused or hung up
	Control  = "control"  // the emulator was controlled
)

// Kinds lists the kinds of entries.
var Kinds = []string{Request, Event, Delivery, Person, Control}

// Entry is one line of the journal. The kinds use different fields; docs/emulator.md has the
// table.
type Entry struct {
	Seq  int64     `json:"seq"`  // counts from 1
	Time time.Time `json:"time"` // UTC
	Kind string    `json:"kind"`

	Operation string          `json:"operation,omitempty"` // the gateway's method name
	AgentID   string          `json:"agentId,omitempty"`
	GUID      string          `json:"guid,omitempty"` // state of the GUID, never the GUID itself
	Body      json.RawMessage `json:"body,omitempty"` // of the request, if it is JSON
	Retcode   string          `json:"retcode,omitempty"`
	Result    any             `json:"result,omitempty"`
	Applied   bool            `json:"applied,omitempty"` // the operation took effect

	EventType string `json:"eventType,omitempty"`
	Content   any    `json:"content,omitempty"`
	Delivery  string `json:"delivery,omitempty"` // of an event: queued, lost, repeated, reordered or delayed
	Event     int64  `json:"event,omitempty"`    // of a delivery: Seq of the event
	By        string `json:"by,omitempty"`       // of a delivery: poll or push

	Action      string `json:"action,omitempty"` // of a person or a control
	AddressType string `json:"addressType,omitempty"`
	Address     string `json:"address,omitempty"`
	Detail      any    `json:"detail,omitempty"`

	Method string `json:"method,omitempty"` // of HTTP
	Path   string `json:"path,omitempty"`
	Status int    `json:"status,omitempty"` // of HTTP; 0 if no answer is sent
	Fault  string `json:"fault,omitempty"`  // ID of the fault that applied
	Effect string `json:"effect,omitempty"` // of the fault, in words
	Wrong  string `json:"wrong,omitempty"`  // field of the request that is wrong, and why

	Number int `json:"-"` // counts the conference requests and, of its own, the events
}

// entrySize is the estimated size of an entry without the parts that a client can make large.
const entrySize = 512

func (e *Entry) size() int {
	return entrySize + len(e.AgentID) + len(e.Path) + len(e.Body) +
		sizeOf(e.Result) + sizeOf(e.Content) + sizeOf(e.Detail)
}

// sizeOf returns the size of a value that is raw JSON. Other values have a bounded size, which
// entrySize covers.
func sizeOf(value any) int {
	raw, _ := value.(json.RawMessage)
	return len(raw)
}

// Journal keeps the newest entries. It is safe for concurrent use.
type Journal struct {
	maxEntries, maxBytes int

	mu      sync.Mutex
	entries []Entry // oldest first, with consecutive Seq
	bytes   int
	last    int64         // Seq of the newest entry
	dropped int64         // entries that a limit removed
	changed chan struct{} // closes with the next entry

	followers int
}

// New returns an empty journal of at most maxEntries entries with together about maxBytes
// bytes. The newest entry stays, whatever its size.
func New(maxEntries, maxBytes int) *Journal {
	return &Journal{maxEntries: maxEntries, maxBytes: maxBytes, changed: make(chan struct{})}
}

// Append sets Seq and Time of e, and adds it. It returns Seq.
func (j *Journal) Append(e Entry) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	e.Seq, e.Time = j.last, time.Now().UTC()
	j.entries = append(j.entries, e)
	j.bytes += e.size()
	for len(j.entries) > 1 && (len(j.entries) > j.maxEntries || j.bytes > j.maxBytes) {
		j.bytes -= j.entries[0].size()
		j.entries[0] = Entry{} // releases its body before the next growth of the slice
		j.entries = j.entries[1:]
		j.dropped++
	}
	close(j.changed)
	j.changed = make(chan struct{})
	return e.Seq
}

// Clear removes all entries. Seq goes on, so that followers keep their position.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.bytes, j.dropped = nil, 0, 0
}

// Dropped returns the number of entries that a limit has removed since the last Clear.
func (j *Journal) Dropped() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// newest returns Seq of the newest entry, even if it was removed.
func (j *Journal) newest() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// After returns the entries above seq, and a channel that closes with the next entry. Callers
// must not modify the entries, which they share.
func (j *Journal) After(seq int64) (entries []Entry, changed <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.last - int64(len(j.entries)) + 1
	skipped := min(max(seq-first+1, 0), int64(len(j.entries)))
	return append([]Entry(nil), j.entries[skipped:]...), j.changed
}
