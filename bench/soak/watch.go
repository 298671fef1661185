package soak

import (
	"context"
	"errors"
	"fmt"
	"time"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/bench/rig"
)

// watch is a watch of an agent.
type watch struct {
	messages chan *agentconfv1.WatchAgentEventsResponse // closed at the end
	err      error                                      // reason of the end
	cancel   context.CancelFunc
}

// follow begins a watch, after a sequence if after is not nil. If agentconf knows another
// GUID, the agent asks for a new one, as docs/events.md says.
func (a *agent) follow(after *int64) error {
	err := a.followOnce(after)
	if answerOf(err).reason != "GUID_STALE" {
		return err
	}
	resp := &agentconfv1.UpdateGuidResponse{}
	if err := a.call(updateGUID, &agentconfv1.UpdateGuidRequest{AgentId: a.id}, resp); err != nil {
		return err
	}
	a.guid = resp.GetResult().GetGuid()
	return a.followOnce(after)
}

// followOnce begins a watch with the GUID that the agent has.
func (a *agent) followOnce(after *int64) error {
	ctx, cancel := context.WithCancel(context.Background())
	from, operation := time.Now(), watchOperation
	if after != nil {
		operation = resumeOperation
	}
	next, started, err := rig.BeginWatch(ctx, a.front, a.guid, a.id, after)
	if err != nil {
		cancel()
		a.tally.failed(operation, from, err)
		return err
	}
	if after == nil {
		a.last = started.GetLastSequence()
	}
	a.expect(a.last, started.GetLastSequence())
	a.tally.watchBegan(a.lost)
	a.watch = &watch{messages: make(chan *agentconfv1.WatchAgentEventsResponse, 64), cancel: cancel}
	go a.watch.receive(ctx, next)
	return nil
}

// receive passes messages on until the watch ends or is given up.
func (w *watch) receive(ctx context.Context, next rig.ReceiveFunc) {
	defer close(w.messages)
	for {
		m, err := next()
		if err != nil {
			w.err = err
			return
		}
		select {
		case w.messages <- m:
		case <-ctx.Done():
			return
		}
	}
}

// resume ends the watch, as a broken connection would, and begins it again after the last
// event.
func (a *agent) resume() error {
	a.unfollow()
	return a.follow(&a.last)
}

// unfollow gives the watch up. Events that have not been read are read by the next one,
// if it begins after a.last.
func (a *agent) unfollow() {
	if a.watch != nil {
		a.watch.cancel()
		a.watch = nil
		a.lost = time.Now()
	}
}

// await reads events until one matches. Its absence is recorded.
func (a *agent) await(ctx context.Context, match func(*agentconfv1.AgentEvent) bool) error {
	from := time.Now()
	err := a.read(ctx, from.Add(eventTimeout), match)
	if errors.Is(err, errTimeout) {
		a.tally.note(incident{watchOperation, answer{reason: eventMissing}, "an event did not come", from, time.Now()})
	}
	return err
}

// read handles messages until an event matches, the time is up, or the watch ends.
func (a *agent) read(ctx context.Context, until time.Time, match func(*agentconfv1.AgentEvent) bool) error {
	timeout := time.NewTimer(time.Until(until))
	defer timeout.Stop()
	for {
		select {
		case m, open := <-a.watch.messages:
			if !open {
				err := a.watch.err
				a.tally.failed(watchOperation, time.Now(), err)
				a.unfollow()
				return err
			}
			if event := a.handle(m); event != nil && match(event) {
				return nil
			}
		case <-timeout.C:
			return errTimeout
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// handle takes a new GUID, checks the sequence of an event, and returns the event.
func (a *agent) handle(m *agentconfv1.WatchAgentEventsResponse) *agentconfv1.AgentEvent {
	if changed := m.GetGuidChanged(); changed != nil {
		a.guid = changed.GetGuid()
	}
	event := m.GetEvent()
	if event != nil {
		a.expect(a.last+1, event.GetSequence())
		a.last = event.GetSequence()
	}
	a.tally.message(m)
	return event
}

// expect records a wrong sequence.
func (a *agent) expect(want, got int64) {
	if got != want {
		text := fmt.Sprintf("sequence %d of agent %s, want %d", got, a.id, want)
		a.tally.note(incident{watchOperation, answer{reason: "SEQUENCE_GAP"}, text, time.Now(), time.Now()})
	}
}
