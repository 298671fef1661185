package events

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// wrongChannel is a refusal that no later poll can change.
var wrongChannel = outcome.Kind{Code: codes.FailedPrecondition, Reason: "WRONG_EVENT_CHANNEL", Outcome: outcome.NotApplied}

// pauses returns the pauses between the polls.
func (f *fixture) pauses() (pauses []time.Duration) {
	polls := f.answered()
	for i, p := range polls[1:] {
		pauses = append(pauses, p.asked.Sub(polls[i].answered))
	}
	return pauses
}

func (f *fixture) checkPauses(t *testing.T, want ...time.Duration) {
	t.Helper()
	got := f.pauses()
	if len(got) != len(want) {
		t.Fatalf("pauses %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("pause %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// The gateway has a pause of 200 ms between two polls, whether or not one found an
// event.
func TestPauseBetweenPolls(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"), pollResult{}, event("b"))
		f.checkPauses(t, pollPause, pollPause)
	})
}

// After failed polls the pause doubles up to 5 s. After an answer it is 200 ms again.
func TestBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		for range 7 {
			f.answer(t, firstGUID, failure(outcome.GatewayUnreachable))
		}
		f.answer(t, firstGUID, event("a"), failure(outcome.GatewayUnreachable), event("b"))
		const ms = time.Millisecond
		f.checkPauses(t, 400*ms, 800*ms, 1600*ms, 3200*ms, 5000*ms, 5000*ms, 5000*ms, 200*ms, 400*ms)
		o.leave()
	})
}

// A watch ends during the pause at once, so that nothing waits for it.
func TestPauseEndsWithTheWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"))
		f.EndSession(agent)
		o.expectEnd(t, outcome.SessionEnded, "1 a")
		time.Sleep(time.Minute)
		if polls := len(f.answered()); polls != 1 {
			t.Errorf("%d polls", polls)
		}
	})
}

// The poll loop stops without watchers, and starts again with the next one.
func TestPollsOnlyForWatchers(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil).leave()
		f.answer(t, firstGUID, event("a"))
		time.Sleep(time.Minute)
		o := f.enter(t, firstGUID, f.sequence(1))
		f.answer(t, firstGUID, event("b"))
		o.expect(t, "2 b")
		f.checkPauses(t, time.Minute)
	})
}

// Every failed poll is an item, and so is the first poll that succeeds after it. An
// event may be lost only if the gateway may have handed it out.
func TestFailedPolls(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		refusal := failure(outcome.Kind{Code: codes.Unknown, Reason: "GATEWAY_EXCEPTION", Outcome: outcome.Unknown})
		refusal.err.Retcode = "100-007"
		f.answer(t, firstGUID, refusal, failure(outcome.AnswerLost), failure(outcome.GatewayUnreachable),
			event("a"), pollResult{}, failure(outcome.AnswerTimedOut), pollResult{})
		const lost = "failed, an event may be lost: OUTCOME_UNKNOWN"
		o.expect(t, "failed: GATEWAY_EXCEPTION", lost, "failed: GATEWAY_UNREACHABLE", "recovered", "1 a", lost, "recovered")
		if late := f.enter(t, firstGUID, f.sequence(0)); len(late.watcher.queue) != 1 {
			t.Error("the failures were kept with the events")
		}
	})
}

// If no later poll can succeed, the watch ends with the code, reason and retcode of the
// poll.
func TestFatalPoll(t *testing.T) {
	for _, kind := range []outcome.Kind{outcome.SessionEnded, wrongChannel} {
		inBubble(t, func(t *testing.T, f *fixture) {
			o := f.enter(t, firstGUID, nil)
			poll := failure(kind)
			poll.err.Retcode, poll.err.GatewayMessage, poll.err.Cause = "000-003", "a message", errors.New("cause")
			f.answer(t, firstGUID, event("a"), poll)
			o.expectEnd(t, kind, "1 a")
			e := o.watcher.err.(*outcome.Error)
			if e.Retcode != "000-003" || e.GatewayMessage != "a message" ||
				!errors.Is(e, poll.err.Cause) || e.Operation != watchOperation {
				t.Errorf("error %+v", e)
			}
			f.refused(t, firstGUID, f.sequence(1), outcome.SequenceNotKept)
		})
	}
}

// A poll that fails with a GUID that was renewed meanwhile does not end the watch.
func TestFatalPollWithAnOldGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"))
		time.Sleep(time.Second) // the next poll is in flight
		f.RenewGUID(agent, firstGUID, nextGUID)
		f.answer(t, firstGUID, failure(outcome.SessionEnded))
		f.answer(t, nextGUID, event("b"))
		o.expect(t, "1 a", "GUID "+nextGUID, "failed: SIGN_IN_REQUIRED", "recovered", "2 b")
	})
}

// The event of a sign-out is the last one of the watch.
func TestSignedOut(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"), event("AgentOther_ShutdownService"))
		o.expectEnd(t, outcome.SessionEnded, "1 a", "2 AgentOther_ShutdownService")
		f.refused(t, firstGUID, f.sequence(0), outcome.SequenceNotKept)
	})
}

// A stream ends with its context. The error names the deadline or the cancellation.
func TestWatcherLeaves(t *testing.T) {
	for cause, want := range map[error]outcome.Kind{
		context.DeadlineExceeded: outcome.WatchTimedOut, context.Canceled: outcome.CallCancelled,
	} {
		e := servicetest.CheckError(t, watcherLeft(agent, cause), want)
		if !errors.Is(e, cause) {
			t.Errorf("%v has the cause %v", e, e.Cause)
		}
	}
}

// Watches and events are counted, and streams that the service has ended, by reason.
func TestMetrics(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		left := f.enter(t, firstGUID, nil)
		f.enter(t, firstGUID, nil)
		f.enter(t, wrongGUID, nil)
		f.answer(t, firstGUID, event("a"), pollResult{}, event("b"))
		servicetest.CheckMetrics(t, f.metrics, "agentconf_watched_agents 2", "agentconf_watchers 3", "agentconf_events_total 2")
		left.leave()
		f.answer(t, firstGUID, failure(outcome.SessionEnded))
		synctest.Wait()
		servicetest.CheckMetrics(t, f.metrics, "agentconf_watched_agents 1", "agentconf_watchers 1",
			`agentconf_watchers_lost_total{reason="SIGN_IN_REQUIRED"} 1`)
	})
}
