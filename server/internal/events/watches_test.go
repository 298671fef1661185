package events

import (
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/outcome"
)

// Watchers of an agent receive the same events from one poll at a time.
func TestWatchersShareAPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		one := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"))
		two := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("b"), event("c"))
		one.expect(t, "1 a", "2 b", "3 c")
		two.expect(t, "2 b", "3 c")
		one.leave()
		f.answer(t, firstGUID, event("d"))
		one.expect(t)
		two.expect(t, "4 d")
		polls := f.answered()
		for i, p := range polls[1:] {
			if !p.asked.After(polls[i].answered) {
				t.Errorf("poll %d was made before the one before it was answered", i+1)
			}
		}
	})
}

// Each agent has a poll loop and sequences of its own.
func TestAgentsAreIndependent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		_, other, err := f.watches.enter("2002", nextGUID, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		f.answer(t, firstGUID, event("a"))
		o.expect(t, "1 a")
		if len(other.queue) != 1 {
			t.Errorf("the watcher of another agent has %d items, want its start only", len(other.queue))
		}
	})
}

// A watcher that names the last sequence it has receives the events after it, and then
// the events to come.
func TestReplay(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil).leave()
		f.answer(t, firstGUID, event("a")) // of the poll that was in flight
		o := f.enter(t, firstGUID, f.sequence(1))
		f.answer(t, firstGUID, event("b"))
		o.expect(t, "2 b")
		o.leave()
		for seen, missed := range [][]string{{"1 a", "2 b"}, {"2 b"}, {}} {
			o := f.enter(t, firstGUID, f.sequence(int64(seen)))
			o.expect(t, missed...)
			o.leave()
		}
		o = f.enter(t, firstGUID, f.sequence(1))
		f.answer(t, firstGUID, event("c"))
		o.expect(t, "2 b", "3 c")
	})
}

// A sequence that is not of this watch is refused: the events after it are not known.
func TestSequenceNotKept(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.refused(t, firstGUID, new(int64), outcome.SequenceNotKept) // no watch yet
		f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"))
		f.refused(t, firstGUID, f.sequence(-1), outcome.SequenceNotKept)
		f.refused(t, firstGUID, f.sequence(2), outcome.SequenceNotKept)
	})
}

// The service keeps the last 1000 events.
func TestKeptEventsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		const more = 5
		for range maxKeptEvents + more {
			f.answer(t, firstGUID, event("a"))
			<-o.watcher.queue
		}
		f.refused(t, firstGUID, f.sequence(more-1), outcome.SequenceNotKept)
		again := f.enter(t, firstGUID, f.sequence(more))
		if got := len(again.watcher.queue); got != maxKeptEvents {
			t.Errorf("%d events after the oldest sequence, want %d", got, maxKeptEvents)
		}
		if len(again.watch.kept) != maxKeptEvents {
			t.Errorf("%d events are kept", len(again.watch.kept))
		}
	})
}

// A watcher that does not read ends with all items that its queue holds. The others are
// not delayed, and it can come back without a gap.
func TestSlowWatcherIsEvicted(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		slow, fast := f.enter(t, firstGUID, nil), f.enter(t, firstGUID, nil)
		size := cap(slow.watcher.queue)
		for range size + 1 {
			f.answer(t, firstGUID, event("a"))
			<-fast.watcher.queue
		}
		for range size {
			<-slow.watcher.queue
		}
		slow.expectEnd(t, outcome.WatcherTooSlow)
		slow.leave()
		if size < watcherQueue {
			t.Errorf("the queue has %d places, want %d", size, watcherQueue)
		}
		slow = f.enter(t, firstGUID, f.sequence(int64(size)))
		f.answer(t, firstGUID, event("b"))
		if got := len(slow.watcher.queue); got != 2 {
			t.Errorf("%d items after coming back, want the missed event and the next", got)
		}
		fast.expect(t, f.describe(eventItem(slow.watch.kept[size+1])))
	})
}

// Items that a new watcher has missed do not count as a backlog.
func TestReplayDoesNotEvict(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		reader := f.enter(t, firstGUID, nil)
		for range 2 * watcherQueue {
			f.answer(t, firstGUID, event("a"))
			<-reader.watcher.queue
		}
		o := f.enter(t, firstGUID, f.sequence(0))
		for range watcherQueue {
			f.answer(t, firstGUID, event("b"))
			<-reader.watcher.queue
		}
		if got := len(o.watcher.queue); got != 3*watcherQueue {
			t.Errorf("%d items, want %d", got, 3*watcherQueue)
		}
	})
}

// The poll in flight when the last watcher leaves is the last one. Two minutes later
// the events are dropped, and a new watch does not accept their sequences.
func TestExpiry(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil).leave()
		f.answer(t, firstGUID, event("a"))
		time.Sleep(pollPause + replayWindow - time.Millisecond)
		if polls := len(f.answered()); polls != 1 {
			t.Errorf("%d polls without a watcher, want the one that was in flight", polls)
		}
		if got := f.watches.agentCount(); got != 1 {
			t.Errorf("%d agents are watched before the end of the window", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := f.watches.agentCount(); got != 0 {
			t.Errorf("%d agents are watched after the window", got)
		}
		f.refused(t, firstGUID, f.sequence(1), outcome.SequenceNotKept)
		again := f.enter(t, firstGUID, nil)
		if again.watch.dropped <= *f.sequence(1) {
			t.Errorf("the new watch starts after sequence %d, want more than %d", again.watch.dropped, *f.sequence(1))
		}
	})
}

// The replay window starts anew with the last poll after the next watcher.
func TestExpiryStartsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil).leave()
		f.answer(t, firstGUID, event("a"))
		time.Sleep(replayWindow / 2)
		f.enter(t, firstGUID, f.sequence(1)).leave()
		f.answer(t, firstGUID, event("b"))
		time.Sleep(replayWindow)
		f.enter(t, firstGUID, f.sequence(0)).expect(t, "1 a", "2 b")
	})
}
