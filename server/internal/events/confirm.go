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

// The changes that confirm a call.
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

// FailedError is the cause if the event says that the operation failed.
type FailedError struct{ Result int32 }

func (e FailedError) Error() string { return fmt.Sprintf("the event has result %d", e.Result) }

// Confirmation waits for the event that shows the effect of a call. An event names the
// participant and the change, but not the call.
type Confirmation struct {
	watches *watches
	watch   *watch
	target  operation.Participant
	change  Change
	event   chan *agentconfv1.AgentEvent // closed if the watch ends first
}

// Expect starts to wait for the event of a call that is not sent yet. A caller may
// still have the previous GUID if it has just been changed. The caller calls Release
// after the call.
func (s *Service) Expect(agentID, guid string, target operation.Participant, change Change) (*Confirmation, error) {
	ws := s.watches
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.lookup(agentID, guid)
	if ws.stopping && (w == nil || len(w.watchers) == 0) {
		return nil, ErrStopping
	}
	if w == nil || len(w.watchers) == 0 || w.failing || !equalGUID(guid, w.guid) && !equalGUID(guid, w.previousGUID) {
		return nil, ErrNoSource
	}
	if w.confirmations[target] != nil {
		return nil, ErrUnderWay
	}
	c := &Confirmation{watches: ws, watch: w, target: target, change: change, event: make(chan *agentconfv1.AgentEvent, 1)}
	w.confirmations[target] = c
	return c, nil
}

// Release ends the waiting. If the event has come, the next call on the participant may
// wait already.
func (c *Confirmation) Release() {
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	if c.watch.confirmations[c.target] == c {
		delete(c.watch.confirmations, c.target)
	}
	c.watches.endIfIdle(c.watch)
}

// Wait returns the event that confirms the call. Its error is ErrWatchEnded,
// ErrTimedOut, a FailedError, or that of ctx.
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

// confirm hands event to the confirmation that waits for it, if there is one.
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
