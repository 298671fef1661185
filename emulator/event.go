package emulator

import (
	"context"
	"slices"
	"time"
)

// Event is what an agent is told by its next poll (page 1274).
type Event struct {
	EventType string `json:"eventType"`
	WorkNo    string `json:"workNo"`
	Content   any    `json:"content"`
}

// ToldEvent is an event that happened, whatever a Fault made of its delivery. A
// client's view of the events is compared with these.
type ToldEvent struct {
	Seq int `json:"seq"`
	Event
}

// Events returns what every agent was told so far, in order, to be read only.
func (g *Gateway) Events() []ToldEvent {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clip(g.told)
}

// tell lets an event happen to a.
func (a *agent) tell(eventType string, content any) {
	event := Event{eventType, a.id, content}
	a.gateway.told = append(a.gateway.told, ToldEvent{len(a.gateway.told) + 1, event})
	a.gateway.deliver(a, event)
}

// queue makes an event the next that polls get once those before it are gone.
func (a *agent) queue(event Event) {
	a.events = append(a.events, event)
	if a.heldBack != nil {
		a.events = append(a.events, *a.heldBack)
		a.heldBack = nil
	}
	close(a.queued)
	a.queued = make(chan struct{})
}

// Poll takes the agent's next event. With none queued it waits for up to 10 s and
// then returns nil. newGUID is not empty when the GUID has been replaced.
func (g *Gateway) Poll(ctx context.Context, agentID, guid string) (event *Event, newGUID, retcode string) {
	a, newGUID, retcode := g.beginPoll(agentID, guid)
	if retcode != success {
		return nil, "", retcode
	}
	defer g.endPoll(a)
	timeout := time.NewTimer(pollWait)
	defer timeout.Stop()
	for {
		event, queued, retcode := g.next(a)
		if event != nil || retcode != success {
			return event, newGUID, retcode
		}
		select {
		case <-queued:
		case <-timeout.C:
			return nil, newGUID, success
		case <-ctx.Done():
			return nil, newGUID, success
		}
	}
}

func (g *Gateway) beginPoll(agentID, guid string) (a *agent, newGUID, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode = g.authenticate(agentID, guid)
	if retcode != success {
		return nil, "", retcode
	}
	if f := g.refusal("agentEvent"); f != nil {
		return nil, "", f.Retcode
	}
	a.polls++
	return a, g.rotate(a), success
}

func (g *Gateway) endPoll(a *agent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a.polls--
	if g.agents[a.id] == a {
		g.expectPoll(a)
	}
}

// next takes an event of a, or returns what to wait for.
func (g *Gateway) next(a *agent) (event *Event, queued <-chan struct{}, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(a.events) > 0 {
		first := a.events[0]
		a.events = a.events[1:]
		return &first, nil, success
	}
	if g.agents[a.id] != a {
		return nil, nil, notSignedIn
	}
	return nil, a.queued, success
}
