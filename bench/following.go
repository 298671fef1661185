//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// following is a watch that is read.
type following struct {
	messages chan *agentconfv1.WatchAgentEventsResponse // closed at the end
	err      error                                      // why it ended
	hangUp   context.CancelFunc
}

// errTimeUp is for a wait that brought nothing.
var errTimeUp = errors.New("the time is up")

// follow begins a watch, after a sequence if one is given. If the agentconf knows
// another GUID, it asks for a new one, as docs/events.md says.
func (d *desk) follow(after *int64) error {
	err := d.followOnce(after)
	if answerOf(err).reason != "GUID_STALE" {
		return err
	}
	resp := &agentconfv1.UpdateGuidResponse{}
	if err := d.call(updateGUID, &agentconfv1.UpdateGuidRequest{AgentId: d.agent}, resp); err != nil {
		return err
	}
	d.guid = resp.GetResult().GetGuid()
	return d.followOnce(after)
}

func (d *desk) followOnce(after *int64) error {
	ctx, hangUp := context.WithCancel(context.Background())
	from, operation := time.Now(), watchOperation
	if after != nil {
		operation = resumeOperation
	}
	next, started, err := d.begin(ctx, after)
	if err != nil {
		hangUp()
		d.soak.tally.failed(operation, from, err)
		return err
	}
	if after == nil {
		d.last = started.GetLastSequence()
	}
	d.expect(d.last, started.GetLastSequence())
	d.found()
	d.watch = &following{messages: make(chan *agentconfv1.WatchAgentEventsResponse, 64), hangUp: hangUp}
	go d.watch.pump(ctx, next)
	return nil
}

// begin opens a watch and reads its first message.
func (d *desk) begin(ctx context.Context, after *int64) (receive, *agentconfv1.WatchStarted, error) {
	next, err := d.front.watch(ctx, d.guid, &agentconfv1.WatchAgentEventsRequest{AgentId: d.agent, AfterSequence: after})
	if err != nil {
		return nil, nil, err
	}
	m, err := next()
	if err == nil && m.GetStarted() == nil {
		err = fmt.Errorf("a watch begins with %v", m)
	}
	return next, m.GetStarted(), err
}

func (f *following) pump(ctx context.Context, next receive) {
	defer close(f.messages)
	for {
		m, err := next()
		if err != nil {
			f.err = err
			return
		}
		select {
		case f.messages <- m:
		case <-ctx.Done():
			return
		}
	}
}

// comeBack gives the watch up, as a connection that breaks would, and begins it again
// where it was.
func (d *desk) comeBack() error {
	d.unfollow()
	return d.follow(&d.last)
}

func (d *desk) unfollow() {
	if d.watch != nil {
		d.watch.hangUp()
		d.watch = nil
		d.lost = time.Now()
	}
}

// found ends the time without a watch.
func (d *desk) found() {
	var blind time.Duration
	if !d.lost.IsZero() {
		blind = time.Since(d.lost)
	}
	d.soak.tally.watchBegan(blind)
}

// await reads until an event comes that is wanted. It has to come soon.
func (d *desk) await(ctx context.Context, wanted func(*agentconfv1.AgentEvent) bool) error {
	from := time.Now()
	err := d.read(ctx, from.Add(eventPatience), wanted)
	if errors.Is(err, errTimeUp) {
		d.soak.tally.note(trouble{watchOperation, answer{reason: eventMissing}, "an event did not come", from, time.Now()})
	}
	return err
}

func nobody(*agentconfv1.AgentEvent) bool { return false }

// read takes what comes, until an event is wanted, the time is up, or the watch ends.
func (d *desk) read(ctx context.Context, until time.Time, wanted func(*agentconfv1.AgentEvent) bool) error {
	timeUp := time.NewTimer(time.Until(until))
	defer timeUp.Stop()
	for {
		select {
		case m, open := <-d.watch.messages:
			if !open {
				return d.ended()
			}
			if event := d.take(m); event != nil && wanted(event) {
				return nil
			}
		case <-timeUp.C:
			return errTimeUp
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ended notes why the watch has.
func (d *desk) ended() error {
	err := d.watch.err
	d.soak.tally.failed(watchOperation, time.Now(), err)
	d.unfollow()
	return err
}

// take does what a message asks for, and returns the event if it is one.
func (d *desk) take(m *agentconfv1.WatchAgentEventsResponse) *agentconfv1.AgentEvent {
	if changed := m.GetGuidChanged(); changed != nil {
		d.guid = changed.GetGuid()
	}
	event := m.GetEvent()
	if event != nil {
		d.expect(d.last+1, event.GetSequence())
		d.last = event.GetSequence()
	}
	d.soak.tally.took(m)
	return event
}

// expect notes a sequence that is not the one that has to be.
func (d *desk) expect(want, got int64) {
	if got != want {
		text := fmt.Sprintf("sequence %d of agent %s, want %d", got, d.agent, want)
		d.soak.tally.note(trouble{watchOperation, answer{reason: "SEQUENCE_GAP"}, text, time.Now(), time.Now()})
	}
}
