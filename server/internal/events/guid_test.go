package events

import (
	"testing"
	"time"

	"agentconf/server/internal/outcome"
)

// A caller with a wrong GUID neither disturbs the watch nor receives an event of it.
func TestWrongGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		wrong, right := f.enter(t, wrongGUID, nil), f.enter(t, firstGUID, nil) // none is proven yet
		f.answer(t, firstGUID, event("a"))
		f.refused(t, "another.AgentGateway1", nil, outcome.GUIDStale)
		f.answer(t, wrongGUID, failure(outcome.SessionEnded))
		wrong.expectEnd(t, outcome.SessionEnded)
		f.answer(t, firstGUID, event("b"))
		right.expect(t, "1 a", "2 b")
	})
}

// If the gateway accepts two GUIDs, the watch that was proven first continues. The
// event that the other has polled is delivered there, as it cannot be polled again.
func TestFirstProvenWatchContinues(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		old, current := f.enter(t, firstGUID, nil), f.enter(t, nextGUID, nil)
		f.answer(t, nextGUID, event("a"))
		f.answer(t, firstGUID, event("b"))
		old.expectEnd(t, outcome.GUIDStale)
		current.expect(t, "1 a", "2 b")
		f.refused(t, firstGUID, nil, outcome.GUIDStale)
	})
}

// A GUID that a poll brings is delivered to every watcher, and is the one of the next
// poll. The one before it is refused.
func TestGUIDOfAPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		one, two := f.enter(t, firstGUID, nil), f.enter(t, firstGUID, nil)
		renewed := event("a")
		renewed.guid = nextGUID
		f.answer(t, firstGUID, renewed)
		f.answer(t, nextGUID, event("b"))
		for _, o := range []*observer{one, two} {
			o.expect(t, "GUID "+nextGUID, "1 a", "2 b")
		}
		f.refused(t, firstGUID, nil, outcome.GUIDStale)
		f.enter(t, nextGUID, nil).expect(t)
	})
}

// A GUID that a call brings is the one of the watch. Only a caller with the GUID of the
// watch can change it.
func TestRenewGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.RenewGUID(agent, wrongGUID, nextGUID)
		f.RenewGUID("2002", firstGUID, nextGUID)
		f.RenewGUID(agent, firstGUID, "")
		f.RenewGUID(agent, firstGUID, firstGUID)
		o.expect(t)
		f.RenewGUID(agent, firstGUID, nextGUID)
		o.expect(t, "GUID "+nextGUID)
		f.answer(t, firstGUID, event("a")) // of the poll that was in flight
		f.answer(t, nextGUID, event("b"))
		o.expect(t, "1 a", "2 b")
		f.RenewGUID(agent, wrongGUID, "stranger.AgentGateway1") // of another session
		o.expect(t)
		f.RenewGUID(agent, firstGUID, "third.AgentGateway1") // of a call with the GUID before
		o.expect(t, "GUID third.AgentGateway1")
	})
}

// If the GUID changes while nobody watches, the newest one that a watcher has received
// is accepted once. The watcher receives the current one.
func TestLastToldGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil).leave()
		f.answer(t, firstGUID, event("a"))
		f.RenewGUID(agent, firstGUID, "between.AgentGateway1")
		f.RenewGUID(agent, "between.AgentGateway1", nextGUID)
		f.refused(t, "between.AgentGateway1", nil, outcome.GUIDStale)
		f.enter(t, firstGUID, f.sequence(0)).expect(t, "GUID "+nextGUID, "1 a")
		f.refused(t, firstGUID, nil, outcome.GUIDStale)
		f.enter(t, nextGUID, nil).expect(t)
	})
}

// A watcher that is evicted instead of receiving the new GUID can come back with the one
// that it has.
func TestEvictedBeforeTheNewGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		for range cap(o.watcher.queue) {
			f.answer(t, firstGUID, event("a"))
		}
		f.RenewGUID(agent, firstGUID, nextGUID)
		f.enter(t, firstGUID, nil).expect(t, "GUID "+nextGUID)
	})
}

// A new sign-in ends the watch of the agent. A watch whose GUID is unproven may be of
// the new session, and continues.
func TestEndSession(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		old := f.enter(t, firstGUID, nil)
		f.EndSession(agent)
		old.expect(t)
		f.answer(t, firstGUID, event("a"))
		time.Sleep(time.Second) // the next poll is in flight
		f.EndSession("2002")
		f.EndSession(agent)
		old.expectEnd(t, outcome.SessionEnded, "1 a")
		f.refused(t, nextGUID, f.sequence(1), outcome.SequenceNotKept)
		current := f.enter(t, nextGUID, nil)
		f.answer(t, firstGUID, event("lost")) // of the poll that was in flight
		f.answer(t, nextGUID, event("b"))
		if got := len(current.watcher.queue); got != 1 {
			t.Errorf("the new watch has %d items, want 1", got)
		}
	})
}
