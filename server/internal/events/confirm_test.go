package events

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

// changed returns the result of a poll that found the change of a participant.
func changed(target operation.Participant, change Change, result int) pollAnswer {
	return participantChanged(target, change, result, 255)
}

// left returns the result of a poll that found that a participant left for a reason.
func left(target operation.Participant, reason int) pollAnswer {
	return participantChanged(target, Left, 0, reason)
}

func participantChanged(target operation.Participant, change Change, result, reason int) pollAnswer {
	return pollAnswer{event: fmt.Sprintf(`{"eventType":"AgentConf_ParticipantChanged","workNo":%q,"content":`+
		`{"result":%d,"changeReason":%d,"changeType":%d,"confId":1031168,"participant":%q,"participantType":%s}}`,
		agent, result, reason, change, target.Address, target.AddressType)}
}

// expectHold starts to wait for the hold of the phone.
func (f *fixture) expectHold(t *testing.T, guid string) *Confirmation {
	t.Helper()
	c, err := f.Expect(agent, guid, phone, Held)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkNotExpected checks the error of a call that cannot be confirmed.
func (f *fixture) checkNotExpected(t *testing.T, guid string, want error) {
	t.Helper()
	if _, err := f.Expect(agent, guid, phone, Held); !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// checkUnconfirmed checks that Wait fails at once.
func checkUnconfirmed(t *testing.T, c *Confirmation, want error) {
	t.Helper()
	start := time.Now()
	if event, err := c.Wait(t.Context(), time.Minute); !errors.Is(err, want) {
		t.Errorf("event %v, error %v, want %v", event, err, want)
	}
	if took := time.Since(start); took > 0 {
		t.Errorf("the call waited for %v", took)
	}
}

// Only the event with the right change of the right participant confirms a call. The
// watchers receive it as well.
func TestConfirmation(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		f.answer(t, firstGUID,
			changed(phone, Unheld, 0),
			changed(operation.Participant{AddressType: operation.PhoneNumber, Address: "7000"}, Held, 0),
			changed(operation.Participant{AddressType: operation.AgentNumber, Address: phone.Address}, Held, 0),
			changed(phone, Held, 0),
			changed(phone, Held, 1), // a later one
		)
		event, err := c.Wait(t.Context(), time.Minute)
		if err != nil || event.GetSequence() != *f.sequence(4) {
			t.Errorf("event %v, error %v, want the fourth event", event, err)
		}
		c.Release()
		if got := o.received(); len(got) != 5 {
			t.Errorf("the watcher has the items %q, want 5", got)
		}
	})
}

// An event with a result other than 0 reports that the operation failed.
func TestConfirmationOfAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		f.answer(t, firstGUID, changed(phone, Held, 7))
		if _, err := c.Wait(t.Context(), time.Minute); !errors.Is(err, FailedError{7}) {
			t.Errorf("error %v, want result 7", err)
		}
	})
}

// A call waits for its event as long as it asked for, and as long as its caller waits.
func TestConfirmationInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		start := time.Now()
		if _, err := c.Wait(t.Context(), 3*time.Second); err != ErrTimedOut || time.Since(start) != 3*time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		c.Release()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := f.expectHold(t, firstGUID).Wait(ctx, time.Minute); err != context.DeadlineExceeded {
			t.Errorf("error %v, want that of the caller's context", err)
		}
	})
}

// An event can confirm a call only if a watch with the caller's GUID has watchers and
// its polls succeed.
func TestNoSource(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.checkNotExpected(t, firstGUID, ErrNoSource)
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"))
		f.checkNotExpected(t, wrongGUID, ErrNoSource)
		f.answer(t, firstGUID, failure(outcome.AnswerLost))
		f.checkNotExpected(t, firstGUID, ErrNoSource)
		f.answer(t, firstGUID, event("b"))
		f.expectHold(t, firstGUID).Release()
		o.leave()
		f.checkNotExpected(t, firstGUID, ErrNoSource)
	})
}

// A caller may have the previous GUID, if the GUID has changed while the call was on its
// way. An older one is refused.
func TestConfirmationWithThePreviousGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		f.RenewGUID(agent, firstGUID, nextGUID)
		f.expectHold(t, firstGUID).Release()
		f.RenewGUID(agent, nextGUID, "third.AgentGateway1")
		f.expectHold(t, nextGUID).Release()
		f.checkNotExpected(t, firstGUID, ErrNoSource)
	})
}

// Two calls on one participant cannot wait at the same time: an event does not name its
// call. Calls on two participants can.
func TestConfirmationUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		f.checkNotExpected(t, firstGUID, ErrUnderWay)
		muted, err := f.Expect(agent, firstGUID, agent2002, Muted)
		if err != nil {
			t.Fatal(err)
		}
		f.answer(t, firstGUID, changed(agent2002, Muted, 0), changed(phone, Held, 0))
		for _, each := range []*Confirmation{c, muted} {
			if _, err := each.Wait(t.Context(), time.Minute); err != nil {
				t.Error(err)
			}
			each.Release()
		}
		f.expectHold(t, firstGUID).Release()
	})
}

// The end of a confirmed call leaves the confirmation of the next call on the same
// participant alone.
func TestReleaseAfterTheNextCall(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		first := f.expectHold(t, firstGUID)
		f.answer(t, firstGUID, changed(phone, Held, 0))
		second := f.expectHold(t, firstGUID)
		first.Release()
		f.answer(t, firstGUID, changed(phone, Held, 0))
		event, err := second.Wait(t.Context(), time.Second)
		if err != nil || event.GetSequence() != *f.sequence(2) {
			t.Errorf("event %v, error %v, want the second event", event, err)
		}
		second.Release()
	})
}

// Polls continue for a waiting call when the last watcher has left.
func TestConfirmationWithoutWatchers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		o.leave()
		f.answer(t, firstGUID, pollAnswer{}, pollAnswer{}, changed(phone, Held, 0))
		if _, err := c.Wait(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
		c.Release()
	})
}

// If the watch ends, the waiting call returns at once.
func TestWatchEndsBeforeTheEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		f.answer(t, firstGUID, failure(outcome.SessionEnded))
		checkUnconfirmed(t, c, OverError{What: "the agent was signed out"})
		c.Release()
		synctest.Wait()
		f.enter(t, nextGUID, nil)
		f.expectHold(t, nextGUID).Release()
	})
}

// slowStore delays the append of an event until a test allows it, as a store beyond a network may.
type slowStore struct {
	store
	release chan struct{}
}

func (s slowStore) append(e entry) int64 {
	if e.kind == eventEntry {
		<-s.release
	}
	return s.store.append(e)
}

// An event that the gateway handed out before the call does not confirm it, even if it is
// appended after the call was sent.
func TestBarrier(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		release := make(chan struct{})
		inMemory := f.logs.newStore
		f.logs.newStore = func(first int64) store { return slowStore{inMemory(first), release} }
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, changed(phone, Held, 0)) // of an earlier call
		c := f.expectHold(t, firstGUID)
		release <- struct{}{}
		o.expect(t, "1 AgentConf_ParticipantChanged")
		f.answer(t, firstGUID, changed(phone, Held, 0))
		release <- struct{}{}
		event, err := c.Wait(t.Context(), time.Minute)
		if err != nil || event.GetSequence() != *f.sequence(2) {
			t.Errorf("event %v, error %v, want the second event", event, err)
		}
	})
}

// An event that comes at the very end of the time confirms the call.
func TestEventAtTheEndOfTheTime(t *testing.T) {
	for range 50 { // select chooses one of two at random
		inBubble(t, func(t *testing.T, f *fixture) {
			f.enter(t, firstGUID, nil)
			c := f.expectHold(t, firstGUID)
			f.answer(t, firstGUID, changed(phone, Held, 0))
			if _, err := c.Wait(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			c.Release()
		})
	}
}

// A program that polls is a source of events, also between two of its polls.
func TestDeskIsASource(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		polled := f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event("a"))
		if got := <-polled; got.event != event("a").event {
			t.Fatalf("the program received %+v", got)
		}
		time.Sleep(time.Second)
		c := f.expectHold(t, firstGUID)
		f.answer(t, firstGUID, changed(phone, Held, 0))
		if _, err := c.Wait(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
		c.Release()
		if got := <-f.pollAtDesk(t, firstGUID); got.event != changed(phone, Held, 0).event {
			t.Errorf("the program received %+v", got)
		}
		time.Sleep(deskPause)
		f.checkNotExpected(t, firstGUID, ErrNoSource)
	})
}
