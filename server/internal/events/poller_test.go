package events

import (
	"context"
	"errors"
	"strings"
	"testing"
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
		f.answer(t, firstGUID, event("a"), pollAnswer{}, event("b"))
		f.checkPauses(t, pollPause, pollPause)
	})
}

// After failed polls the pause doubles up to 5 s, give or take a quarter. After an answer it
// is 200 ms again.
func TestBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		for range 7 {
			f.answer(t, firstGUID, failure(outcome.GatewayUnreachable))
		}
		f.answer(t, firstGUID, event("a"), failure(outcome.GatewayUnreachable), event("b"))
		const ms = time.Millisecond
		for i, want := range []time.Duration{400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms, 5000 * ms} {
			if got := f.pauses()[i]; got < want*3/4 || got > want*5/4 {
				t.Errorf("pause %d is %v, want about %v", i, got, want)
			}
		}
		if got := f.pauses()[7]; got != pollPause {
			t.Errorf("the pause after an answer is %v, want %v", got, pollPause)
		}
		if got := f.pauses()[8]; got > 500*ms {
			t.Errorf("the pause after the next failure is %v", got)
		}
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
		f.prove(t, firstGUID)
		time.Sleep(time.Minute)
		o := f.enter(t, firstGUID, f.sequence(0))
		f.answer(t, firstGUID, event("b"))
		o.expect(t, "1 b")
		f.checkPauses(t, time.Minute+pollPause)
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
			event("a"), pollAnswer{}, failure(outcome.AnswerTimedOut), pollAnswer{})
		const lost = "failed, an event may be lost: OUTCOME_UNKNOWN"
		o.expect(t, "failed: GATEWAY_EXCEPTION", lost, "failed: GATEWAY_UNREACHABLE", "recovered", "1 a", lost, "recovered")
		f.enter(t, firstGUID, f.sequence(0)).expect(t, lost, "1 a", lost) // no other failure of the past
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
			e := o.expectEnd(t, kind, "1 a")
			if e.Retcode != "000-003" || e.GatewayMessage != "a message" ||
				!errors.Is(e, poll.err.Cause) || e.Operation != watchOperation {
				t.Errorf("error %+v", e)
			}
			f.missing(t, firstGUID, f.sequence(1)) // another log
		})
	}
}

// The gateway refuses a GUID that was renewed while its poll was in flight. The watch neither
// ends nor reports a failure, and a program that polls waits for the next poll.
func TestFatalPollWithAnOldGUID(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enterWithOldPoll(t)
		polled := f.pollAtDesk(t, nextGUID)
		f.answer(t, firstGUID, failure(outcome.SessionEnded))
		f.answer(t, nextGUID, event("b"))
		o.expect(t, "1 a", "GUID "+nextGUID, "2 b")
		if got := <-polled; got.err != nil || !strings.Contains(got.event, `"b"`) {
			t.Errorf("the program received %+v, want the event", got)
		}
	})
}

// A sign-in after UpdateGuid ends the poll in flight, which has the old GUID. Whichever answer
// comes first, the end is the next item of the watch.
func TestNewSessionDuringAPollWithAnOldGUID(t *testing.T) {
	for name, first := range map[string]func(t *testing.T, f *fixture){
		"sign-in": func(t *testing.T, f *fixture) {
			f.EndSession(agent)
			f.answer(t, firstGUID, failure(outcome.SessionEnded))
		},
		"poll": func(t *testing.T, f *fixture) {
			f.answer(t, firstGUID, failure(outcome.SessionEnded))
			f.EndSession(agent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				o := f.enterWithOldPoll(t)
				first(t, f)
				o.expectEnd(t, outcome.SessionEnded, "1 a", "GUID "+nextGUID)
			})
		})
	}
}

// enterWithOldPoll starts to watch the agent. The poll in flight has the GUID before the
// current one.
func (f *fixture) enterWithOldPoll(t *testing.T) *observer {
	t.Helper()
	o := f.enter(t, firstGUID, nil)
	f.answer(t, firstGUID, event("a"))
	time.Sleep(time.Second)
	f.RenewGUID(agent, firstGUID, nextGUID)
	return o
}

// The event of a sign-out is the last one of the watch.
func TestSignedOut(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"), event("AgentOther_ShutdownService"))
		o.expectEnd(t, outcome.SessionEnded, "1 a", "2 AgentOther_ShutdownService")
		f.missing(t, firstGUID, f.sequence(0))
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
		f.answer(t, firstGUID, event("a"), pollAnswer{}, event("b"))
		servicetest.CheckMetrics(t, f.metrics, "agentconf_watched_agents 2", "agentconf_unproven_agents 1",
			"agentconf_watchers 3", "agentconf_pollers 2", "agentconf_watchers_limit 100", "agentconf_events_total 2")
		left.leave()
		f.answer(t, firstGUID, failure(outcome.AnswerLost), failure(outcome.SessionEnded))
		servicetest.CheckMetrics(t, f.metrics, "agentconf_watched_agents 1", "agentconf_watchers 1",
			`agentconf_watchers_lost_total{reason="SIGN_IN_REQUIRED"} 1`,
			`agentconf_failed_polls_total{reason="OUTCOME_UNKNOWN"} 1`, "agentconf_kept_event_bytes 0")
	})
}

// A panic while a poll is made does not end the process. The log goes on, and the record has
// no value.
func TestPanicOfAPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"), pollAnswer{event: panicking}, event("b"))
		o.expect(t, "1 a", "2 b")
		servicetest.CheckMetrics(t, f.metrics, "agentconf_background_panics_total 1")
		if got := f.records.String(); !strings.Contains(got, "panic: string") || !strings.Contains(got, "poller.go") ||
			strings.Contains(got, "must not be logged") {
			t.Errorf("log %s", got)
		}
	})
}

// brokenStore panics when it appends an event.
type brokenStore struct{ store }

func (s brokenStore) append(e entry) int64 {
	if e.kind == eventEntry {
		panic("a value")
	}
	return s.store.append(e)
}

// A panic while an event is appended or applied costs that event only.
func TestPanicOfAnEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		inMemory := f.logs.newStore
		f.logs.newStore = func(first int64) store { return brokenStore{inMemory(first)} }
		o := f.enter(t, firstGUID, nil)
		renewed := pollAnswer{guid: nextGUID}
		f.answer(t, firstGUID, event("a"), renewed)
		o.expect(t, "GUID "+nextGUID)
	})
}

// Failed polls are logged at most once a second, with the number of those between.
func TestFailedPollsAreLogged(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.enter(t, firstGUID, nil)
		f.observe(t, &observer{}, "2002", nextGUID, nil)
		f.observe(t, &observer{}, "2003", wrongGUID, nil)
		for _, guid := range []string{firstGUID, nextGUID, wrongGUID} {
			f.answer(t, guid, failure(outcome.GatewayUnreachable))
		}
		time.Sleep(time.Second)
		f.answer(t, firstGUID, failure(outcome.GatewayUnreachable))
		got := f.records.String()
		if strings.Count(got, "poll failed") != 2 || !strings.Contains(got, "agent=1287") ||
			!strings.Contains(got, "reason=GATEWAY_UNREACHABLE") || !strings.Contains(got, "unlogged=2") {
			t.Errorf("log %s", got)
		}
	})
}

// Agents whose polls fail at the same moment do not poll again at the same moment.
func TestBackoffHasJitter(t *testing.T) {
	pauses := map[time.Duration]bool{}
	for range 100 {
		d := jitter(time.Second)
		if d < 750*time.Millisecond || d > 1250*time.Millisecond {
			t.Errorf("a pause of %v", d)
		}
		pauses[d] = true
	}
	if len(pauses) < 50 {
		t.Errorf("%d different pauses of 100", len(pauses))
	}
}
