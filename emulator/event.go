package emulator

import (
	"context"
	"time"

	"agentconf/emulator/fault"
	"agentconf/emulator/journal"
)

// pollWait is the longest time that a poll waits for an event (page 1274).
const pollWait = 10 * time.Second

// maxQueued limits the events that wait for the polls of an agent. The oldest is dropped.
const maxQueued = 10_000

// Event is an event of an agent (page 1274).
type Event struct {
	EventType string `json:"eventType"` // such as AgentConf_ParticipantChanged
	WorkNo    string `json:"workNo"`    // ID of the agent
	Content   any    `json:"content"`   // nil, or a value whose JSON is an object
}

// queuedEvent is an event that waits for its delivery.
type queuedEvent struct {
	Event
	seq int64 // of its entry in the journal
}

// EmittedEvent is an event that happened, whether or not a Fault disturbed its
// delivery. Seq counts from 1.
type EmittedEvent struct {
	Seq int `json:"seq"`
	Event
}

// Events returns the events of all agents in the journal, in order.
func (g *Gateway) Events() []EmittedEvent {
	var events []EmittedEvent
	entries, _ := g.journal.After(0)
	for _, e := range entries {
		if e.Kind == journal.Event {
			events = append(events, EmittedEvent{e.Number, Event{e.EventType, e.AgentID, e.Content}})
		}
	}
	return events
}

// emit journals an event of a and delivers it, with the effect of a matching fault. An event
// that is delayed beyond the end of the session is lost.
func (a *agent) emit(eventType string, content any) {
	g := a.gateway
	f := g.faults.Take(func(f *fault.Fault) bool { return f.MatchesEvent(a.id, eventType) })
	entry := journal.Entry{
		Kind: journal.Event, AgentID: a.id, EventType: eventType, Content: content, Delivery: "queued",
	}
	if f != nil {
		entry.Fault, entry.Delivery = f.ID, deliveries[f.Events]
	}
	g.emitted++
	entry.Number = g.emitted
	event := queuedEvent{Event{eventType, a.id, content}, g.journal.Append(entry)}
	a.deliver(event, f)
	g.runRules(trigger{on: eventType, agentID: a.id, address: participantOf(content)})
}

// deliveries are the words of the journal for the effects of faults.
var deliveries = map[string]string{
	fault.Lose: "lost", fault.Repeat: "repeated", fault.Reorder: "reordered", fault.Delay: "delayed",
}

// deliver enqueues an event for a, under a fault or nil.
func (a *agent) deliver(event queuedEvent, f *fault.Fault) {
	if f == nil {
		a.enqueue(event)
		return
	}
	switch f.Events {
	case fault.Repeat:
		a.enqueue(event)
		a.enqueue(event)
	case fault.Reorder:
		a.overtaken = &event
	case fault.Delay:
		time.AfterFunc(a.gateway.faults.Delay(f), func() {
			a.gateway.mu.Lock()
			defer a.gateway.mu.Unlock()
			a.enqueue(event)
		})
	}
}

// enqueue appends an event to the queue of a. An event that a fault has held back
// follows it.
func (a *agent) enqueue(event queuedEvent) {
	if len(a.queue) >= maxQueued {
		a.queue = a.queue[1:]
	}
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
	return g.poll(ctx, g.methodRequest(pollOperation, agentID, guid, nil))
}

const pollOperation = "getAgentEvent"

func (g *Gateway) poll(ctx context.Context, q *request) (event *Event, newGUID, retcode string) {
	a, newGUID, retcode := g.beginPoll(q)
	if a == nil {
		return nil, "", retcode
	}
	defer g.endPoll(a)
	timeout := time.NewTimer(pollWait)
	defer timeout.Stop()
	for {
		event, changed, retcode := g.dequeue(a, q)
		if event != nil || retcode != success {
			return event, newGUID, retcode
		}
		select {
		case <-changed:
			continue
		case <-timeout.C:
		case <-ctx.Done():
		}
		retcode = success
		if q.fault != nil && q.fault.Retcode != "" {
			retcode = q.fault.Retcode
		}
		g.recordPoll(q, retcode)
		return nil, newGUID, retcode
	}
}

// beginPoll authenticates a poll. Only its beginning checks the GUID: one that expires
// while the poll waits does not end the poll. a is nil if the poll ends at once.
func (g *Gateway) beginPoll(q *request) (a *agent, newGUID, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = ""
	if f := q.fault; !f.Executes() {
		g.record(q, nil, f.Retcode, false)
		return nil, "", f.Retcode
	}
	a, retcode = g.authenticate(q)
	if retcode != success {
		g.record(q, nil, retcode, false)
		return nil, "", retcode
	}
	a.activePolls++
	return a, g.rotateGUID(a), success
}

// recordPoll journals a poll that has taken no event.
func (g *Gateway) recordPoll(q *request, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = ""
	g.record(q, nil, retcode, false)
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

// dequeue takes the first event from the queue of a, and journals the end of the poll. If the
// queue is empty, it returns a channel that closes at the next change. A fault of polls that
// take such an event applies from here on.
func (g *Gateway) dequeue(a *agent, q *request) (event *Event, changed <-chan struct{}, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(a.queue) == 0 && g.agents[a.id] == a {
		return nil, a.changed, success
	}
	g.wrong = ""
	if len(a.queue) == 0 {
		g.record(q, nil, notSignedIn, false)
		return nil, nil, notSignedIn
	}
	first := a.queue[0]
	a.queue = a.queue[1:]
	if q.fault == nil {
		q.fault = g.faults.Take(func(f *fault.Fault) bool { return f.MatchesPoll(a.id, first.EventType) })
	}
	retcode = success
	delivery := journal.Entry{
		Kind: journal.Delivery, AgentID: a.id, EventType: first.EventType, Event: first.seq, By: "poll",
	}
	if f := q.fault; f != nil {
		delivery.Fault, delivery.Effect = f.ID, f.Effect()
		if f.Retcode != "" {
			retcode, delivery.Effect = f.Retcode, "retcode "+f.Retcode
		}
	}
	q.eventType = first.EventType
	g.record(q, nil, retcode, true)
	g.journal.Append(delivery)
	if retcode != success {
		return nil, nil, retcode // the event is gone
	}
	return &first.Event, nil, success
}
