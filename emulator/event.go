package emulator

import (
	"context"
	"slices"
	"time"
)

// pollWait is the longest time that a poll waits for an event (page 1274).
const pollWait = 10 * time.Second

// Event is an event of an agent (page 1274).
type Event struct {
	EventType string `json:"eventType"` // such as AgentConf_ParticipantChanged
	WorkNo    string `json:"workNo"`    // ID of the agent
	Content   any    `json:"content"`   // nil, or a value whose JSON is an object
}

// EmittedEvent is an event that happened, whether or not a Fault disturbed its
// delivery. Seq counts from 1.
type EmittedEvent struct {
	Seq int `json:"seq"`
	Event
}

// Events returns all events of all agents so far, in order. Callers must not modify
// the result, which they share.
func (g *Gateway) Events() []EmittedEvent {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clip(g.emitted)
}

// emit records an event of a and delivers it.
func (a *agent) emit(eventType string, content any) {
	event := Event{eventType, a.id, content}
	a.gateway.emitted = append(a.gateway.emitted, EmittedEvent{len(a.gateway.emitted) + 1, event})
	a.gateway.deliver(a, event)
}

// enqueue appends an event to the queue of a. An event that a fault has held back
// follows it.
func (a *agent) enqueue(event Event) {
	a.queue = append(a.queue, event)
	if a.overtaken != nil {
		a.queue = append(a.queue, *a.overtaken)
		a.overtaken = nil
	}
	a.wakePolls()
}

// wakePolls makes waiting polls look at the queue and the session again. All of them wake
// up, and the first one takes the event.
func (a *agent) wakePolls() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// Poll takes the next event from the queue of an agent. If the queue is empty, it
// waits up to 10 s, or until ctx is done, and then returns a nil event with retcode 0.
// newGUID is empty unless the poll has replaced the GUID.
func (g *Gateway) Poll(ctx context.Context, agentID, guid string) (event *Event, newGUID, retcode string) {
	a, newGUID, retcode := g.beginPoll(agentID, guid)
	if retcode != success {
		return nil, "", retcode
	}
	defer g.endPoll(a)
	timeout := time.NewTimer(pollWait)
	defer timeout.Stop()
	for {
		event, changed, retcode := g.dequeue(a)
		if event != nil || retcode != success {
			return event, newGUID, retcode
		}
		select {
		case <-changed:
		case <-timeout.C:
			return nil, newGUID, success
		case <-ctx.Done():
			return nil, newGUID, success
		}
	}
}

// beginPoll authenticates a poll. Only its beginning checks the GUID: one that expires
// while the poll waits does not end the poll.
func (g *Gateway) beginPoll(agentID, guid string) (a *agent, newGUID, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode = g.authenticate(agentID, guid)
	if retcode != success {
		return nil, "", retcode
	}
	if f := g.takeRetcodeFault("agentEvent"); f != nil {
		return nil, "", f.Retcode
	}
	a.activePolls++
	return a, g.rotateGUID(a), success
}

// endPoll restarts the poll timeout, unless the session has ended: a timer of an old
// session would outlive it.
func (g *Gateway) endPoll(a *agent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a.activePolls--
	if g.agents[a.id] == a {
		g.restartPollTimeout(a)
	}
}

// dequeue takes the first event from the queue of a. If the queue is empty, it returns
// a channel that closes at the next change.
func (g *Gateway) dequeue(a *agent) (event *Event, changed <-chan struct{}, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(a.queue) > 0 {
		first := a.queue[0]
		a.queue = a.queue[1:]
		return &first, nil, success
	}
	if g.agents[a.id] != a {
		return nil, nil, notSignedIn
	}
	return nil, a.changed, success
}
