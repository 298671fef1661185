package events

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

// Change is the changeType of AgentConf_ParticipantChanged (page 0564).
type Change int32

// The changes that confirm a call: 3 and 4 changeparticipantmode with attribute 1 and 3
// (page 0479), 5 holdparticipant, 6 unholdparticipant. Left ends the wait for any of them.
const (
	Left    Change = 1
	Muted   Change = 3
	Unmuted Change = 4
	Held    Change = 5
	Unheld  Change = 6
)

// conferenceEnded is the changeReason of Left that concerns every participant (page 0564).
const conferenceEnded = 3

// Causes why no event can confirm a call. Nothing was sent yet.
var (
	ErrNoSource = errors.New("nobody receives the events of the agent here with this GUID")
	ErrUnderWay = errors.New("a call on the same participant waits for its event")
	ErrStopping = errors.New("agentconf is stopping")
)

// ErrTimedOut is the cause if no event has confirmed a call in time. The gateway has
// accepted it.
var ErrTimedOut = errors.New("no event came in time")

// FailedError is the cause if the event says that the operation failed. Result is any number
// but 0; no page explains the numbers.
type FailedError struct{ Result int32 }

func (e FailedError) Error() string { return fmt.Sprintf("the event has result %d", e.Result) }

// OverError is the cause if no event can confirm a call any more. The field What ends a
// sentence such as "the participant left".
type OverError struct {
	What string

	// Ineffective is true if the event proves that the operation has no effect: events
	// come in order, none was lost, and the one of the operation was not among them.
	Ineffective bool
}

func (e OverError) Error() string { return e.What }

// Confirmation waits for the event that shows the effect of a call. An event names the
// participant and the change, but not the call.
type Confirmation struct {
	logs    *logs
	log     *eventLog
	effect  effect
	barrier int64 // position of the entry that was appended before the call was sent
	verdict chan verdict
}

// effect is what an event says of a participant.
type effect struct {
	target operation.Participant
	change Change
}

type verdict struct {
	event *agentconfv1.AgentEvent
	err   error
}

// Expect starts to wait for the event of a call that is not sent yet. The caller calls
// Release after the call, even if the call fails.
//
// The error is ErrNoSource, ErrUnderWay or ErrStopping. guid must be one that the log of the
// agent admits: a caller may still have an earlier one if a poll has just changed the GUID.
// A stopping service still accepts calls on a log with watches, as the events come until
// they have left.
func (s *Service) Expect(
	agentID, guid string, target operation.Participant, change Change,
) (*Confirmation, error) {
	c, err := s.logs.expect(agentID, guid, effect{target, change})
	if err != nil {
		return nil, err
	}
	// Without the lock, which the subscriber of the store takes.
	barrier := c.log.store.append(entry{kind: barrierEntry})
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	c.barrier = barrier
	return c, nil
}

func (ls *logs) expect(agentID, guid string, effect effect) (*Confirmation, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.known(agentID, guid)
	if ls.stopping && (l == nil || len(l.consumers) == 0) {
		return nil, ErrStopping
	}
	if l == nil || !l.hasSource() {
		return nil, ErrNoSource
	}
	if l.confirmations.byTarget[effect.target] != nil {
		return nil, ErrUnderWay
	}
	// No event has seen a barrier that is not appended yet.
	c := &Confirmation{logs: ls, log: l, effect: effect, barrier: math.MaxInt64, verdict: make(chan verdict, 1)}
	l.confirmations.add(c)
	ls.handle(l, joined, nil)
	return c, nil
}

// Release ends the waiting. The place in the map may be that of the next call on the
// participant by now: an event frees it before its call returns.
func (c *Confirmation) Release() {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	waiting := &c.log.confirmations
	if waiting.byTarget[c.effect.target] == c {
		delete(waiting.byTarget, c.effect.target)
	}
	c.logs.atRest(c.log)
	if c.log.state == unproven && !c.log.wanted() {
		c.logs.handle(c.log, deserted, nil)
	}
}

// Wait returns the event that confirms the call. Its error is an OverError, a FailedError,
// ErrTimedOut, or that of ctx. It is called once, after the gateway has accepted the call,
// and with it the GUID.
func (c *Confirmation) Wait(ctx context.Context, within time.Duration) (*agentconfv1.AgentEvent, error) {
	c.accepted()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case v := <-c.verdict:
		return v.event, v.err
	case <-timeout.C:
		return c.giveUp(ErrTimedOut)
	case <-ctx.Done():
		return c.giveUp(ctx.Err())
	}
}

func (c *Confirmation) accepted() {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	c.logs.accept(c.log)
}

// giveUp returns the verdict if there is one: it may have come together with the end of the
// time. Otherwise the event is owed to this call.
func (c *Confirmation) giveUp(cause error) (*agentconfv1.AgentEvent, error) {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	select {
	case v := <-c.verdict:
		return v.event, v.err
	default:
	}
	waiting := &c.log.confirmations
	delete(waiting.byTarget, c.effect.target)
	if waiting.owed == nil {
		waiting.owed = map[effect]int{}
	}
	if len(waiting.owed) < maxOwed {
		waiting.owed[c.effect]++
	}
	return nil, cause
}

// hasSource reports whether the events of the log come here: somebody watches, or has just
// polled, and the polls succeed.
func (l *eventLog) hasSource() bool {
	if l.failing {
		return false
	}
	return len(l.consumers)+len(l.desk.calls) > 0 || time.Since(l.desk.left) < deskPause
}
