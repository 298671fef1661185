package events

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/server/internal/outcome"
)

// bring returns a log of the agent in a state, with one consumer unless it is idle or ended.
func (f *fixture) bring(t *testing.T, s state) *eventLog {
	t.Helper()
	o := f.enter(t, firstGUID, nil)
	if s != unproven {
		f.answer(t, firstGUID, pollAnswer{})
	}
	switch s {
	case unproven:
	case live:
		time.Sleep(pollPause) // the next poll is in flight
	case idle:
		o.leave()
		time.Sleep(pollPause)
	case closing, orphaned:
		time.Sleep(pollPause) // the next poll is in flight
		synctest.Wait()
		f.input(o.log, map[state]input{closing: stopped, orphaned: displaced}[s])
	case ended:
		f.input(o.log, refused)
	}
	synctest.Wait()
	if o.log.state != s {
		t.Fatalf("the log is in state %d, want %d", o.log.state, s)
	}
	return o.log
}

// input applies an input to a log.
func (f *fixture) input(l *eventLog, in input) {
	f.logs.mu.Lock()
	defer f.logs.mu.Unlock()
	if in == polled || in == settled {
		l.polling = false
	}
	f.logs.handle(l, in, outcome.SessionEnded.Error("", "the cause", nil))
}

// TestTransitions has a check of the effect for every row of the table, and applies every
// input to every state: without a row nothing changes.
func TestTransitions(t *testing.T) {
	isFound := func(f *fixture, l *eventLog) bool { return f.logs.known(agent, firstGUID) == l }
	isEnded := func(t *testing.T, f *fixture, l *eventLog) {
		select {
		case <-l.ended:
		default:
			t.Error("the consumers were not told")
		}
		if isFound(f, l) {
			t.Error("the log is still found")
		}
	}
	effects := map[action]func(t *testing.T, f *fixture, l *eventLog){
		startPolls: func(t *testing.T, f *fixture, l *eventLog) {
			if !l.running {
				t.Error("the poller does not run")
			}
		},
		prove: func(t *testing.T, f *fixture, l *eventLog) {
			if f.logs.proven[agent] != l || len(f.logs.unproven) > 0 {
				t.Error("it is not the log of its agent")
			}
		},
		startExpiry: func(t *testing.T, f *fixture, l *eventLog) {
			if l.expiry == nil || !isFound(f, l) {
				t.Error("the replay window has not started")
			}
		},
		resume: func(t *testing.T, f *fixture, l *eventLog) {
			if l.expiry != nil || !l.running {
				t.Error("the replay window goes on, or the poller does not run")
			}
		},
		detach: func(t *testing.T, f *fixture, l *eventLog) {
			if isFound(f, l) || l.cause == nil {
				t.Error("the log is still found")
			}
		},
		rest: func(t *testing.T, f *fixture, l *eventLog) {
			if l.cause == nil {
				t.Error("the log has no cause")
			}
		},
		end: isEnded,
	}
	for s := unproven; s <= ended; s++ {
		for in := accepted; in <= timeUp; in++ {
			inBubble(t, func(t *testing.T, f *fixture) {
				l := f.bring(t, s)
				f.input(l, in)
				row, ok := transitions[s][in]
				if !ok {
					row.next = s
				}
				if l.state != row.next {
					t.Errorf("state %d, input %d: state %d, want %d", s, in, l.state, row.next)
				}
				if ok {
					f.logs.mu.Lock()
					effects[row.action](t, f, l)
					f.logs.mu.Unlock()
				}
			})
		}
	}
}

// Every state but the last can end, and the last has no row.
func TestEveryLogEnds(t *testing.T) {
	for s := unproven; s < ended; s++ {
		if !slices.ContainsFunc(slices.Collect(maps.Values(transitions[s])), func(row transition) bool {
			return row.next == ended
		}) {
			t.Errorf("state %d has no end", s)
		}
	}
	if len(transitions[ended]) > 0 {
		t.Error("an ended log goes on")
	}
}
