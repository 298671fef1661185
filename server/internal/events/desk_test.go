package events

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// Two watches and a program that polls receive every event, once each, in order, byte for
// byte. Each poll of the program is answered by one event.
func TestThreeConsumers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		one, two := f.enter(t, firstGUID, nil), f.enter(t, firstGUID, nil)
		for i := range 1000 {
			polled := f.pollAtDesk(t, firstGUID)
			raw := fmt.Sprintf(`{"workNo":"1287","content":{"z":9007199254740993,"a":%d},"eventType":"x"}`, i)
			f.answer(t, firstGUID, pollAnswer{event: raw})
			for _, o := range []*observer{one, two} {
				if got := (<-o.items).GetEvent(); got.GetRawJson() != raw || got.GetSequence() != *f.sequence(int64(i + 1)) {
					t.Fatalf("event %d is %v", i, got)
				}
			}
			if got := <-polled; got.event != raw {
				t.Fatalf("poll %d returned %+v, want %s", i, got, raw)
			}
		}
	})
}

// A program that polls sets the pace of the polls, even beside a watch. Each of its calls is
// one reason for a poll.
func TestDeskPace(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"), event("b"))
		call := f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event("c"))
		<-call
		time.Sleep(pollPause / 4)
		call = f.pollAtDesk(t, firstGUID) // during the pause
		f.answer(t, firstGUID, failure(outcome.AnswerLost))
		<-call
		call = f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event("d"), event("e"))
		<-call
		f.checkPauses(t, pollPause, 0, pollPause/4, 0, pollPause)
	})
}

// A program may have the event of a poll, and poll again, before the poller has ended that
// poll. The next poll then follows without a pause, too.
func TestDeskPaceAtTheEndOfAPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		synctest.Wait()
		for _, answered := range []bool{false, true} {
			if answered {
				f.logs.answered(o.log)
			}
			f.pollAtDesk(t, firstGUID)
			if got := f.logs.askedFor(o.log); got != answered {
				t.Errorf("asks %v with a poll whose answer is here %v", got, answered)
			}
		}
	})
}

// The callers for an agent share one position, which begins with the first of them. Events
// that come between their polls wait.
func TestDeskPosition(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("before"))
		first := f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event("a"), event("b"), event("c"))
		second, third := f.pollAtDesk(t, firstGUID), f.pollAtDesk(t, firstGUID)
		for name, call := range map[string]chan pollAnswer{"a": first, "b": second, "c": third} {
			if got := <-call; got.event != event(name).event {
				t.Errorf("%+v, want event %s", got, name)
			}
		}
	})
}

// A poll without an event, or that fails, answers the calls that wait.
func TestDeskAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		one, two := f.pollAtDesk(t, firstGUID), f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, pollAnswer{})
		for _, call := range []chan pollAnswer{one, two} {
			if got := <-call; !reflect.DeepEqual(got, pollAnswer{}) {
				t.Errorf("%+v, want no event", got)
			}
		}
		one = f.pollAtDesk(t, firstGUID)
		refusal := failure(outcome.SessionEnded)
		f.answer(t, firstGUID, refusal)
		if got := <-one; got.err != refusal.err {
			t.Errorf("%+v, want the error of the poll", got)
		}
	})
}

// A caller receives a GUID that it does not have yet, with an event or without.
func TestDeskGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		call := f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, pollAnswer{guid: nextGUID})
		if got := <-call; !reflect.DeepEqual(got, pollAnswer{guid: nextGUID}) {
			t.Errorf("%+v, want the GUID", got)
		}
		call = f.pollAtDesk(t, firstGUID) // of a program that lost the answer
		f.answer(t, nextGUID, event("a"))
		if got := <-call; got.event == "" || got.guid != nextGUID {
			t.Errorf("%+v, want an event and the GUID", got)
		}
	})
}

// Every call that waits for a poll receives its cookies, with an event, without, or with an
// error. A caller may leave with an earlier event: the next call then receives the cookies.
func TestDeskCookies(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		for i, answer := range []pollAnswer{{}, failure(outcome.AnswerLost), event("a")} {
			answer.setCookie = []string{fmt.Sprintf("node=%d", i)}
			one, two := f.pollAtDesk(t, firstGUID), f.pollAtDesk(t, firstGUID)
			f.answer(t, firstGUID, answer)
			if answer.event != "" { // of one call; the other waits on
				f.answer(t, firstGUID, pollAnswer{})
			}
			for _, call := range []chan pollAnswer{one, two} {
				if got := <-call; !slices.Equal(got.setCookie, answer.setCookie) {
					t.Errorf("%+v, want the cookies %v", got, answer.setCookie)
				}
			}
		}
		call := f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event("b"))
		<-call
		f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, pollAnswer{setCookie: []string{"node=3"}})
		for _, want := range [][]string{{"node=3"}, nil} {
			call = f.pollAtDesk(t, firstGUID)
			f.answer(t, firstGUID, pollAnswer{})
			if got := <-call; !slices.Equal(got.setCookie, want) {
				t.Errorf("%+v, want the cookies %v", got, want)
			}
		}
		time.Sleep(deskPause)
		f.answer(t, firstGUID, pollAnswer{setCookie: []string{"node=4"}}) // of a watch
		call = f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, pollAnswer{})
		if got := <-call; got.setCookie != nil {
			t.Errorf("%+v, want no cookies of the polls for a watch", got)
		}
	})
}

// The caller of a poll may leave, since the next call returns its event. If the poll fails
// then, the next call says that an event may be lost, once, after the events before.
func TestDeskLossBetweenCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		call := f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event("a"))
		<-call
		f.enter(t, firstGUID, nil)
		lost := failure(outcome.AnswerLost)
		f.answer(t, firstGUID, event("b"), lost)
		if got := <-f.pollAtDesk(t, firstGUID); got.event != event("b").event {
			t.Errorf("%+v, want the event before", got)
		}
		if got := <-f.pollAtDesk(t, firstGUID); got.err != lost.err {
			t.Errorf("%+v, want the error of the poll", got)
		}
		call = f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event("c"))
		if got := <-call; got.event != event("c").event {
			t.Errorf("%+v, want the next event", got)
		}
	})
}

// A program with another GUID than the live log's receives what the gateway answers to it.
// The event that it takes there is delivered to the watches, too.
func TestDeskWithAnotherGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, pollAnswer{})
		call := f.pollAtDesk(t, nextGUID)
		f.answer(t, nextGUID, event("a"))
		if got := <-call; got.event != event("a").event {
			t.Errorf("%+v, want the event", got)
		}
		o.expect(t, "1 a")
		servicetest.CheckMetrics(t, f.metrics, "agentconf_watched_agents 1")
		call = f.pollAtDesk(t, wrongGUID)
		f.answer(t, wrongGUID, failure(outcome.SessionEnded))
		servicetest.CheckError(t, (<-call).err, outcome.SessionEnded)
		o.expect(t)
	})
}

// A caller that leaves loses an event only if the poll ends with it.
func TestDeskCallerLeaves(t *testing.T) {
	for cause, want := range map[error][2]outcome.Kind{
		context.Canceled:         {outcome.AnswerAbandoned, outcome.CallCancelled},
		context.DeadlineExceeded: {outcome.AnswerTimedOut, outcome.WatchTimedOut},
	} {
		inBubble(t, func(t *testing.T, f *fixture) {
			for _, kind := range want {
				call, err := f.logs.enterDesk(agent, caller{guid: firstGUID}, "")
				if err != nil {
					t.Fatal(err)
				}
				servicetest.CheckError(t, f.logs.abandoned(call, cause), kind)
				f.answer(t, firstGUID, pollAnswer{})
				f.logs.leaveDesk(call)
			}
		})
	}
}

// The event of a poll whose caller has left is there for the next call.
func TestDeskKeepsTheEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.prove(t, firstGUID)
		call, err := f.logs.enterDesk(agent, caller{guid: firstGUID}, "")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		leave()
		servicetest.CheckError(t, f.logs.wait(ctx, call).err, outcome.CallCancelled)
		f.logs.leaveDesk(call)
		f.answer(t, firstGUID, event("a"))
		if got := <-f.pollAtDesk(t, firstGUID); got.event != event("a").event {
			t.Errorf("%+v, want the event", got)
		}
	})
}

// The event of a sign-out reaches the program that polls, before its log is gone.
func TestDeskReceivesTheSignOut(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		call := f.pollAtDesk(t, firstGUID)
		f.answer(t, firstGUID, event(signedOutEvent))
		if got := <-call; got.event != event(signedOutEvent).event {
			t.Errorf("%+v, want the event", got)
		}
		synctest.Wait()
		servicetest.CheckMetrics(t, f.metrics, "agentconf_kept_event_bytes 0", "agentconf_watched_agents 0")
	})
}

// If agentconf stops during a poll of the gateway, an event may be lost, and the call says so.
func TestDeskOfAStop(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		call := f.pollAtDesk(t, firstGUID)
		f.logs.stop()
		_, err := f.logs.enterDesk(agent, caller{guid: firstGUID}, "")
		servicetest.CheckError(t, err, outcome.Stopping)
		f.logs.endAll()
		if got := <-call; got.err == nil || got.err.Outcome != outcome.Unknown {
			t.Errorf("%+v, want an unknown outcome", got)
		}
	})
}
