package emulator

import (
	"context"
	"time"
)

// Event is what an agent is told by its next poll (page 1274).
type Event struct {
	EventType string `json:"eventType"`
	WorkNo    string `json:"workNo"`
	Content   any    `json:"content"`
}

// tell queues an event for a.
func (a *agent) tell(eventType string, content any) {
	a.events = append(a.events, Event{eventType, a.id, content})
	close(a.queued)
	a.queued = make(chan struct{})
}

// Poll takes the agent's next event. With none queued it waits for up to 10 s and
// then returns nil. newGUID is not empty when the GUID has been replaced.
func (g *Gateway) Poll(ctx context.Context, agentID, guid string) (event *Event, newGUID, retcode string) {
	g.mu.Lock()
	a, retcode := g.authenticate(agentID, guid)
	if retcode != success {
		g.mu.Unlock()
		return nil, "", retcode
	}
	newGUID = g.rotate(a)
	g.mu.Unlock()

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

// next takes an event of a, or returns what to wait for.
func (g *Gateway) next(a *agent) (event *Event, queued <-chan struct{}, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.agents[a.id] != a {
		return nil, nil, notSignedIn
	}
	if len(a.events) == 0 {
		return nil, a.queued, success
	}
	first := a.events[0]
	a.events = a.events[1:]
	return &first, nil, success
}

// rotate replaces the GUID of a if it is old enough, and forgets the expired.
func (g *Gateway) rotate(a *agent) (newGUID string) {
	newest := a.guids[len(a.guids)-1]
	if g.config.AuthMode != DynamicGUID || time.Since(newest.at) < g.config.GUIDInterval {
		return ""
	}
	for time.Since(a.guids[0].at) >= g.config.GUIDTimeout && len(a.guids) > 1 {
		a.guids = a.guids[1:]
	}
	return g.issue(a)
}
