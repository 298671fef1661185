package events

import (
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// stop stops the service in the background, and returns a channel with the duration.
func (f *fixture) stop(within time.Duration) (took chan time.Duration) {
	took = make(chan time.Duration, 1)
	start := time.Now()
	go func() {
		f.Stop(within)
		took <- time.Since(start)
	}()
	synctest.Wait()
	return took
}

// checkStopped checks how long Stop has taken.
func checkStopped(t *testing.T, took chan time.Duration, want time.Duration) {
	t.Helper()
	if got := <-took; got != want {
		t.Errorf("Stop took %v, want %v", got, want)
	}
}

// A watch ends after the poll in flight, whose event reaches the watcher. No poll
// follows.
func TestStopAfterThePoll(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		took := f.stop(time.Minute)
		o.expect(t)
		time.Sleep(3 * time.Second)
		f.answer(t, firstGUID, event("a"))
		o.expectEnd(t, outcome.Stopping, "1 a")
		checkStopped(t, took, 3*time.Second)
		time.Sleep(time.Minute)
		if polls := len(f.answered()); polls != 1 {
			t.Errorf("%d polls, want 1", polls)
		}
	})
}

// A watch between two polls, and one without watchers, ends at once.
func TestStopBetweenPolls(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, event("a"))
		checkStopped(t, f.stop(time.Minute), 0)
		o.expectEnd(t, outcome.Stopping, "1 a")
		if got := f.agentCount(); got != 0 {
			t.Errorf("%d agents are watched", got)
		}
	})
}

// A stopping service starts no watch, no poll of a caller and no confirmation without a
// watch.
func TestNothingStartsWhileStopping(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		checkStopped(t, f.stop(time.Minute), 0)
		f.refused(t, firstGUID, outcome.Stopping)
		_, err := f.logs.enterDesk(agent, caller{guid: firstGUID}, "")
		servicetest.CheckError(t, err, outcome.Stopping)
		f.checkNotExpected(t, firstGUID, ErrStopping)
	})
}

// A call that waits for its event keeps the watch and its polls until it returns. A
// call on another participant may still start to wait.
func TestStopWhileConfirming(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		f.answer(t, firstGUID, pollAnswer{})
		c := f.expectHold(t, firstGUID)
		took := f.stop(time.Minute)
		time.Sleep(2 * time.Second)
		other, err := f.Expect(agent, firstGUID, agent2002, Held)
		if err != nil {
			t.Fatal(err)
		}
		other.Release()
		f.answer(t, firstGUID, pollAnswer{})
		o.expect(t)
		f.answer(t, firstGUID, changed(phone, Held, 0))
		if _, err := c.Wait(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
		c.Release()
		o.expectEnd(t, outcome.Stopping, "1 AgentConf_ParticipantChanged")
		checkStopped(t, took, 2*time.Second+pollPause)
	})
}

// If a waiting call returns between two polls, the watch ends at once.
func TestStopAfterTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		took := f.stop(time.Minute)
		f.answer(t, firstGUID, pollAnswer{})
		o.expect(t)
		c.Release()
		o.expectEnd(t, outcome.Stopping)
		checkStopped(t, took, 0)
	})
}

// After the time every watch ends, and every waiting call fails. Stop itself returns
// after 11 s, so that the calls in flight can be drained.
func TestStopAfterTheTime(t *testing.T) {
	inBubbleWith(t, Options{MaxWatches: 10, Heartbeat: time.Minute}, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		c := f.expectHold(t, firstGUID)
		checkStopped(t, f.stop(15*time.Second), lastPoll)
		o.expect(t)
		time.Sleep(4*time.Second - time.Millisecond)
		o.expect(t)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		checkUnconfirmed(t, c, OverError{What: "agentconf stopped"})
		o.expectEnd(t, outcome.Stopping)
	})
}

// Stop returns after the time if that is shorter than a poll.
func TestStopSoon(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		o := f.enter(t, firstGUID, nil)
		checkStopped(t, f.stop(time.Second), time.Second)
		synctest.Wait()
		o.expectEnd(t, outcome.Stopping)
	})
}
