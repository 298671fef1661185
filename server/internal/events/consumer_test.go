package events

import (
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
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
		other := f.observe(t, &observer{}, "2002", nextGUID, nil)
		f.answer(t, firstGUID, event("a"))
		o.expect(t, "1 a")
		other.expect(t)
	})
}

// A watcher that names the last sequence it has receives the events after it, and then
// the events to come.
func TestReplay(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"))
		time.Sleep(time.Second) // the next poll is in flight
		o.leave()
		f.answer(t, firstGUID, event("b"))
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

// A watch after a sequence that is not kept, or is not of this log, says that events are
// missing, and begins with what there is.
func TestEventsMissing(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.missing(t, firstGUID, new(int64)) // no log yet
		f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"), event("b"))
		f.missing(t, firstGUID, f.sequence(3))
		f.enter(t, firstGUID, f.sequence(-1)).expect(t, "1 a", "2 b")
		f.missing(t, firstGUID, f.sequence(-1))
		time.Sleep(replayWindow + time.Second)
		f.answer(t, firstGUID, event("c"))
		f.enter(t, firstGUID, f.sequence(0)).expect(t, "3 c")
		f.missing(t, firstGUID, f.sequence(0))
	})
}

// A watcher that does not read ends. The others are not delayed, and it can come back without
// a gap.
func TestSlowWatcherIsEvicted(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		slow := f.observe(t, &observer{stalled: make(chan struct{})}, agent, firstGUID, nil)
		fast := f.enter(t, firstGUID, nil)
		for range maxUnread {
			f.answer(t, firstGUID, event("a"))
		}
		f.RenewGUID(agent, firstGUID, nextGUID)
		slow.expectEnd(t, outcome.WatcherTooSlow)
		if got := len(fast.received()); got != maxUnread+1 {
			t.Errorf("the other watcher has %d items, want %d", got, maxUnread+1)
		}
		close(slow.stalled)
		again := f.enter(t, firstGUID, f.sequence(1))
		if got := len(again.received()); got != maxUnread {
			t.Errorf("%d items after coming back, want the GUID and the events missed", got)
		}
	})
}

// A stream whose client reads nothing does not outlive its watch.
func TestStalledStreamEndsWithTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.observe(t, &observer{stalled: make(chan struct{})}, agent, firstGUID, nil)
		f.answer(t, firstGUID, event("a"), failure(outcome.SessionEnded))
		time.Sleep(lastSend)
		o.expectEnd(t, outcome.SessionEnded)
		close(o.stalled)
	})
}

// A panic of a stream ends that stream only.
func TestPanicOfAStream(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		broken, fine := f.enter(t, firstGUID, nil), f.enter(t, firstGUID, nil)
		close(broken.items) // its next send panics
		f.answer(t, firstGUID, event("a"))
		fine.expect(t, "1 a")
		servicetest.CheckError(t, <-broken.ended, outcome.Internal)
	})
}

// Events that a new watcher has missed do not count as a backlog.
func TestReplayDoesNotEvict(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		for range maxUnread {
			f.answer(t, firstGUID, event("a"))
		}
		o := f.observe(t, &observer{stalled: make(chan struct{})}, agent, firstGUID, f.sequence(0))
		f.answer(t, firstGUID, event("b"))
		close(o.stalled)
		if got := len(o.received()); got != maxUnread+1 {
			t.Errorf("%d items, want %d", got, maxUnread+1)
		}
	})
}

// A silent watch sends a sign of life. An item starts the silence anew.
func TestHeartbeat(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		time.Sleep(15*time.Second - time.Millisecond)
		o.expect(t)
		time.Sleep(time.Millisecond)
		o.expect(t, "heartbeat")
		time.Sleep(14 * time.Second)
		f.answer(t, firstGUID, event("a"))
		time.Sleep(14 * time.Second)
		o.expect(t, "1 a")
		time.Sleep(time.Second)
		o.expect(t, "heartbeat")
	})
}

// The poll in flight when the last watcher leaves is the last one. Two minutes later
// the events are dropped, and a new watch does not accept their sequences.
func TestExpiry(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.prove(t, firstGUID)
		polls := len(f.answered())
		time.Sleep(replayWindow - time.Millisecond)
		if got := len(f.answered()); got != polls {
			t.Errorf("%d polls without a watcher", got-polls)
		}
		if got := f.agentCount(); got != 1 {
			t.Errorf("%d agents are watched before the end of the window", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := f.agentCount(); got != 0 {
			t.Errorf("%d agents are watched after the window", got)
		}
		f.missing(t, firstGUID, f.sequence(0))
	})
}

// The replay window starts anew with the last poll after the next watcher.
func TestExpiryStartsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.prove(t, firstGUID)
		time.Sleep(replayWindow / 2)
		o := f.enter(t, firstGUID, f.sequence(0))
		time.Sleep(replayWindow / 4)
		o.leave()
		time.Sleep(replayWindow - time.Second)
		f.enter(t, firstGUID, f.sequence(0)).expect(t)
	})
}

// An unproven log is dropped with its last consumer, and its poll is cancelled. A second
// consumer keeps it.
func TestUnprovenLogIsDropped(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		one, two := f.enter(t, firstGUID, nil), f.enter(t, firstGUID, nil)
		one.leave()
		if got := f.agentCount(); got != 1 {
			t.Errorf("%d agents, want 1", got)
		}
		two.leave()
		if polls := f.answered(); len(polls) != 1 || !polls[0].cancelled || f.agentCount() != 0 {
			t.Errorf("polls %v and %d agents, want a cancelled poll and none", polls, f.agentCount())
		}
		servicetest.CheckMetrics(t, f.metrics, "agentconf_pollers 0", "agentconf_watchers 0")
	})
}

// The watches are limited, and those with GUIDs that the gateway has not accepted are
// limited to half of that. The limits free a place with each end.
func TestLimitsOfWatches(t *testing.T) {
	inBubbleWith(t, Options{MaxWatches: 4, Heartbeat: time.Minute}, func(t *testing.T, f *fixture) {
		f.observe(t, &observer{}, "2001", firstGUID, nil)
		f.observe(t, &observer{}, "2002", nextGUID, nil)
		f.refused(t, wrongGUID, outcome.Overloaded)
		f.answer(t, firstGUID, pollAnswer{})
		o := f.enter(t, wrongGUID, nil)
		f.answer(t, wrongGUID, pollAnswer{})
		f.enter(t, wrongGUID, nil)
		f.refused(t, wrongGUID, outcome.Overloaded)
		if _, err := f.logs.enterDesk(agent, caller{guid: wrongGUID}, ""); err == nil {
			t.Error("a poll beyond the limit is accepted")
		}
		o.leave()
		f.enter(t, wrongGUID, nil)
	})
}
