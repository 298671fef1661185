package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

// A call ends as soon as an event shows that its own cannot come any more. The outcome is
// known only if the event proves it, and no event may have been lost.
func TestOver(t *testing.T) {
	lost := []pollAnswer{failure(outcome.AnswerLost)}
	selfLeft := pollAnswer{event: `{"eventType":"AgentConf_SelfLeaveResult","workNo":"1287","content":{"confId":1}}`}
	for name, test := range map[string]struct {
		before []pollAnswer
		event  pollAnswer
		want   error
	}{
		"the participant hung up":            {nil, left(phone, 2), OverError{"the participant left", true}},
		"the participant was removed":        {nil, left(phone, 1), OverError{"the participant left", true}},
		"an event may be lost":               {lost, left(phone, 2), OverError{"the participant left", false}},
		"the conference ended":               {nil, left(agent2002, 3), OverError{"the conference ended", true}},
		"the agent left the conference":      {nil, selfLeft, OverError{"the agent left the conference", false}},
		"the agent signed out":               {nil, event(signedOutEvent), OverError{"the agent was signed out", false}},
		"the agent was signed out elsewhere": {nil, failure(outcome.SessionEnded), OverError{"the agent was signed out", false}},
	} {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.enter(t, firstGUID, nil)
			c := f.expectHold(t, firstGUID)
			f.answer(t, firstGUID, test.before...)
			f.answer(t, firstGUID, changed(agent2002, Left, 0), test.event)
			t.Log(name)
			checkUnconfirmed(t, c, test.want)
		})
	}
}

// A participant that failed to leave, and one who left another call's conference, end no
// call.
func TestNotOver(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		f.answer(t, firstGUID, changed(phone, Left, 1), left(agent2002, 2), changed(phone, Held, 0))
		if _, err := c.Wait(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
	})
}

// An event without a documented key, such as result, confirms nothing.
func TestIncompleteEventConfirmsNothing(t *testing.T) {
	for _, key := range []string{"result", "changeType", "confId", "participant", "participantType"} {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.enter(t, firstGUID, nil)
			c := f.expectHold(t, firstGUID)
			incomplete := changed(phone, Held, 0)
			incomplete.event = strings.Replace(incomplete.event, `"`+key+`"`, `"x"`, 1)
			f.answer(t, firstGUID, incomplete)
			if _, err := c.Wait(t.Context(), time.Second); err != ErrTimedOut {
				t.Errorf("without %s: error %v, want %v", key, err, ErrTimedOut)
			}
		})
	}
}

// The late event of an accepted call does not confirm the next call. It is owed to the
// earlier one, unless it may have been lost, or an event of a later call has come.
func TestLateEventConfirmsNoLaterCall(t *testing.T) {
	held, unheld := changed(phone, Held, 0), changed(phone, Unheld, 0)
	for name, test := range map[string]struct {
		between []pollAnswer
		want    error
	}{
		"late":                 {nil, ErrTimedOut},
		"came meanwhile":       {[]pollAnswer{held}, nil},
		"lost":                 {[]pollAnswer{failure(outcome.AnswerLost), pollAnswer{}}, nil},
		"the participant left": {[]pollAnswer{left(phone, 2)}, nil},
		"the conference ended": {[]pollAnswer{left(agent2002, 3)}, nil},
	} {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.enter(t, firstGUID, nil)
			first := f.expectHold(t, firstGUID)
			if _, err := first.Wait(t.Context(), time.Second); err != ErrTimedOut {
				t.Fatal(err)
			}
			first.Release()
			f.answer(t, firstGUID, test.between...)
			second := f.expectHold(t, firstGUID)
			f.answer(t, firstGUID, held)
			if _, err := second.Wait(t.Context(), time.Second); err != test.want {
				t.Errorf("%s: error %v, want %v", name, err, test.want)
			}
		})
	}
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		first := f.expectHold(t, firstGUID)
		first.Wait(t.Context(), time.Second)
		first.Release()
		second, err := f.Expect(agent, firstGUID, phone, Unheld)
		if err != nil {
			t.Fatal(err)
		}
		f.answer(t, firstGUID, unheld) // no event of the first call can follow
		if _, err := second.Wait(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
		third := f.expectHold(t, firstGUID)
		f.answer(t, firstGUID, held)
		if _, err := third.Wait(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
	})
}

// The effects that are owed are bounded.
func TestOwedEffectsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		for i := range maxOwed + 5 {
			target := operation.Participant{AddressType: operation.PhoneNumber, Address: fmt.Sprint(70000 + i)}
			c, err := f.Expect(agent, firstGUID, target, Held)
			if err != nil {
				t.Fatal(err)
			}
			c.Wait(t.Context(), time.Nanosecond)
			c.Release()
		}
		if got := len(o.log.confirmations.owed); got != maxOwed {
			t.Errorf("%d effects are owed, want %d", got, maxOwed)
		}
	})
}
