package events

import (
	"strings"
	"testing"
	"time"

	"agentconf/server/internal/outcome"
)

// A caller with a wrong GUID neither disturbs the watch nor receives an event of it.
func TestWrongGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		wrong, right := f.enter(t, wrongGUID, nil), f.enter(t, firstGUID, nil) // none is proven yet
		f.answer(t, firstGUID, event("a"))
		f.refused(t, "another.AgentGateway1", outcome.GUIDStale)
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
		f.refused(t, firstGUID, outcome.GUIDStale)
	})
}

// If the first log has no consumer any more, the one that was proven last replaces it.
func TestNewGUIDOfAnIdleLog(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.prove(t, firstGUID)
		current := f.enter(t, nextGUID, nil)
		f.answer(t, nextGUID, event("a"))
		if got := current.received(); len(got) != 1 {
			t.Errorf("items %q, want one event", got)
		}
		f.refused(t, firstGUID, outcome.GUIDStale)
	})
}

// A GUID that a poll brings is delivered to every watcher, and is the one of the next
// poll. The one before it is
// accepted for the replay window, an older one never.
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
		f.enter(t, firstGUID, nil).expect(t, "GUID "+nextGUID)
		f.RenewGUID(agent, nextGUID, "third.AgentGateway1")
		f.refused(t, firstGUID, outcome.GUIDStale)
		f.enter(t, nextGUID, nil).expect(t, "GUID third.AgentGateway1")
		time.Sleep(replayWindow)
		f.refused(t, nextGUID, outcome.GUIDStale)
		f.enter(t, "third.AgentGateway1", nil).expect(t)
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

// If the GUID changes while nobody watches, the newest one that a watcher has received is
// accepted for the replay window, until a caller comes with the current one.
func TestDeliveredGUID(t *testing.T) {
	between := "between.AgentGateway1"
	for name, test := range map[string]func(t *testing.T, f *fixture){
		"accepted": func(t *testing.T, f *fixture) {
			f.enter(t, firstGUID, f.sequence(0)).expect(t, "GUID "+nextGUID, "1 a")
		},
		"another watcher has come": func(t *testing.T, f *fixture) {
			f.enter(t, nextGUID, nil)
			f.refused(t, firstGUID, outcome.GUIDStale)
		},
		"older than the window": func(t *testing.T, f *fixture) {
			o := f.enter(t, between, nil)
			o.expect(t, "GUID "+nextGUID)
			time.Sleep(replayWindow)
			f.refused(t, firstGUID, outcome.GUIDStale)
		},
	} {
		inBubble(t, func(t *testing.T, f *fixture) {
			t.Log(name)
			o := f.enter(t, firstGUID, nil)
			f.answer(t, firstGUID, pollAnswer{})
			time.Sleep(time.Second) // the next poll is in flight
			o.leave()
			f.answer(t, firstGUID, event("a"))
			f.RenewGUID(agent, firstGUID, between)
			f.RenewGUID(agent, between, nextGUID)
			test(t, f)
		})
	}
}

// A watcher that is evicted before it has received the new GUID can come back with the one
// that it has.
func TestEvictedBeforeTheNewGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.observe(t, &observer{stalled: make(chan struct{})}, agent, firstGUID, nil)
		f.RenewGUID(agent, firstGUID, "between.AgentGateway1")
		for range maxUnread {
			f.RenewGUID(agent, "between.AgentGateway1", nextGUID)
			f.RenewGUID(agent, nextGUID, "between.AgentGateway1")
		}
		o.expectEnd(t, outcome.WatcherTooSlow)
		f.enter(t, firstGUID, nil).expect(t, "GUID between.AgentGateway1")
		close(o.stalled)
	})
}

// A new sign-in ends the log of the agent. The poll in flight is its last, and its event is
// delivered. A log whose GUID is unproven may be of the new session, and continues.
func TestEndSession(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		old := f.enter(t, firstGUID, nil)
		f.EndSession(agent)
		f.answer(t, firstGUID, event("a"))
		time.Sleep(time.Second) // the next poll is in flight
		f.EndSession("2002")
		f.EndSession(agent)
		old.expect(t, "1 a")
		current := f.enter(t, nextGUID, nil)
		f.answer(t, nextGUID, event("c"))
		f.answer(t, firstGUID, event("b")) // of the poll that was in flight
		old.expectEnd(t, outcome.SessionEnded, "2 b")
		if got := current.received(); len(got) != 1 || !strings.HasSuffix(got[0], " c") {
			t.Errorf("the new watch has the items %q, want its own event", got)
		}
		f.refused(t, firstGUID, outcome.GUIDStale)
	})
}
