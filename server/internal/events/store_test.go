package events

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// newTestStore returns a store with a clock that the test sets.
func newTestStore() (m *memory, now *time.Duration, total *atomic.Int64) {
	now, total = new(time.Duration), new(atomic.Int64)
	return newMemory(100, func() time.Duration { return *now }, total), now, total
}

// Entries have positions without gaps, and events have sequences without gaps. The
// subscriber sees each entry once, in order.
func TestStoreNumbers(t *testing.T) {
	m, _, _ := newTestStore()
	var applied []entry
	m.subscribe(func(e entry) { applied = append(applied, e) })
	for i, k := range []kind{barrierEntry, eventEntry, guidEntry, eventEntry} {
		if got := m.append(entry{kind: k}); got != int64(i+1) {
			t.Errorf("position %d, want %d", got, i+1)
		}
	}
	kept, missing := m.read(1)
	if missing || len(kept) != 3 || len(applied) != 4 {
		t.Fatalf("%d entries of %d, missing %v", len(kept), len(applied), missing)
	}
	for i, want := range []int64{101, 101, 102} {
		if kept[i].sequence != want || applied[i+1] != kept[i] {
			t.Errorf("entry %+v, applied %+v, want sequence %d", kept[i], applied[i+1], want)
		}
	}
}

// The entries of a log are bounded by number, by bytes and by age. The newest is kept. A
// reader behind the oldest learns that entries are missing.
func TestStoreBounds(t *testing.T) {
	for name, test := range map[string]struct {
		size int
		age  time.Duration // between two entries
		want int
	}{
		"number":    {0, 0, maxKeptEntries},
		"bytes":     {1000, 0, maxKeptBytes / 1064},
		"one event": {2 * maxKeptBytes, 0, 1},
		"age":       {0, 5 * time.Second, int(replayWindow/(5*time.Second)) + 1},
	} {
		m, now, total := newTestStore()
		for range 1500 {
			m.append(entry{kind: eventEntry, data: strings.Repeat("x", test.size)})
			*now += test.age
		}
		*now -= test.age
		kept, missing := m.read(0)
		if len(kept) != test.want || !missing || kept[len(kept)-1].position != 1500 {
			t.Errorf("%s: %d entries are kept, missing %v, want %d", name, len(kept), missing, test.want)
		}
		if got, want := total.Load(), int64(test.want*(test.size+64)); got != want {
			t.Errorf("%s: %d bytes are counted, want %d", name, got, want)
		}
		if got, want := cap(m.kept), test.want*5/4+1; got > want {
			t.Errorf("%s: room for %d entries, want at most %d", name, got, want)
		}
		if _, missing := m.read(int64(1500 - test.want)); missing {
			t.Errorf("%s: the reader of everything misses entries", name)
		}
	}
}

// Old entries go with time, even if nothing is appended.
func TestStoreForgetsWithTime(t *testing.T) {
	m, now, _ := newTestStore()
	m.append(entry{kind: eventEntry})
	m.append(entry{kind: eventEntry})
	*now = replayWindow + 1
	if kept, missing := m.read(0); len(kept) != 1 || !missing {
		t.Errorf("%d entries are kept, missing %v", len(kept), missing)
	}
}

// A cancelled subscription gives the bytes back.
func TestStoreIsDropped(t *testing.T) {
	m, _, total := newTestStore()
	drop := m.subscribe(func(entry) {})
	m.append(entry{kind: eventEntry, data: "x"})
	drop()
	drop()
	if got := total.Load(); got != 0 {
		t.Errorf("%d bytes are counted", got)
	}
}

// A reader's entries do not change while others are appended and dropped.
func TestStoreReadersKeepTheirEntries(t *testing.T) {
	m, _, _ := newTestStore()
	for range maxKeptEntries {
		m.append(entry{kind: eventEntry, data: "old"})
	}
	before, _ := m.read(0)
	for range 3 * maxKeptEntries {
		m.append(entry{kind: eventEntry, data: "new"})
	}
	for _, e := range before {
		if e.data != "old" {
			t.Fatalf("an entry became %q", e.data)
		}
	}
}
