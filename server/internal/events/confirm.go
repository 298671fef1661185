package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

// Change is the changeType of AgentConf_ParticipantChanged (page 0564).
type Change int32

// The changes that confirm a call: 3 and 4 changeparticipantmode with attribute 1 and 3
// (page 0479), 5 holdparticipant, 6 unholdparticipant.
const (
	Muted   Change = 3
	Unmuted Change = 4
	Held    Change = 5
	Unheld  Change = 6
)

// Causes why no event can confirm a call. Nothing was sent yet.
var (
	ErrNoSource = errors.New("no watch of the agent with this GUID receives events")
	ErrUnderWay = errors.New("a call on the same participant waits for its event")
	ErrStopping = errors.New("agentconf is stopping")
)

// Causes why no event has confirmed a call. The gateway has accepted it.
var (
	ErrWatchEnded = errors.New("the watch ended")
	ErrTimedOut   = errors.New("no event came in time")
)

// FailedError is the cause if the event says that the operation failed. Result is any number
// but 0; no page explains the numbers.
type FailedError struct{ Result int32 }

func (e FailedError) Error() string { return fmt.Sprintf("the event has result %d", e.Result) }

// Confirmation waits for the event that shows the effect of a call. An event names the
// participant and the change, but not the call.
type Confirmation struct {
	watches *watches
	watch   *watch
	target  operation.Participant
	change  Change
	event   chan *agentconfv1.AgentEvent // of one event; closed if the watch ends first
}

// Expect starts to wait for the event of a call that is not sent yet. The caller calls
// Release after the call, even if the call fails.
//
// The error is ErrNoSource, ErrUnderWay or ErrStopping. guid must be the current one of the
// agent's watch, or the one before it: a caller may still have that if a poll has just
// changed the GUID. A stopping service still accepts calls on a watch that has watchers, as
// the events come until they have left.
func (s *Service) Expect(
	agentID, guid string, target operation.Participant, change Change,
) (*Confirmation, error) {
	ws := s.watches
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.lookup(agentID, guid)
	if ws.stopping && (w == nil || len(w.watchers) == 0) {
		return nil, ErrStopping
	}
	if w == nil || len(w.watchers) == 0 || w.failing || !w.knows(guid) {
		return nil, ErrNoSource
	}
	if w.confirmations[target] != nil {
		return nil, ErrUnderWay
	}
	event := make(chan *agentconfv1.AgentEvent, 1)
	c := &Confirmation{watches: ws, watch: w, target: target, change: change, event: event}
	w.confirmations[target] = c
	return c, nil
}

// Release ends the waiting. The place in the map may be that of the next call on the
// participant by now: an event frees it before its call returns.
func (c *Confirmation) Release() {
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	if c.watch.confirmations[c.target] == c {
		delete(c.watch.confirmations, c.target)
	}
	c.watches.endIfIdle(c.watch)
}

// Wait returns the event that confirms the call. Its error is ErrWatchEnded,
// ErrTimedOut, a FailedError, or that of ctx. It is called once, after the gateway has
// accepted the call.
func (c *Confirmation) Wait(ctx context.Context, within time.Duration) (*agentconfv1.AgentEvent, error) {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case event, came := <-c.event:
		if !came {
			return nil, ErrWatchEnded
		}
		if result := event.GetParticipantChanged().GetResult(); result != 0 {
			return nil, FailedError{result}
		}
		return event, nil
	case <-timeout.C:
		return nil, ErrTimedOut
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// confirm hands event to the confirmation that waits for it, if there is one. The first
// event with the participant and the change is taken. The gateway may have queued it before
// the call: an event has nothing that links it to a request (page 0564).
func (w *watch) confirm(event *agentconfv1.AgentEvent) {
	change := event.GetParticipantChanged()
	target := operation.Participant{
		AddressType: strconv.Itoa(int(change.GetParticipantType())), Address: change.GetParticipant(),
	}
	c := w.confirmations[target]
	if c == nil || c.change != Change(change.GetChangeType()) {
		return
	}
	c.event <- event
	delete(w.confirmations, target)
}
