package emulator

import (
	"errors"
	"slices"
	"time"
)

// Fault makes the gateway misbehave, for tests of its clients. It either changes
// the delivery of events, or answers an operation with a retcode.
type Fault struct {
	// Events is what happens to events: lose, repeat, reorder (the next event
	// overtakes it) or delay. AgentID and EventType, where they are not empty, say to
	// which.
	Events    string        `json:"events,omitempty"`
	AgentID   string        `json:"agentId,omitempty"`
	EventType string        `json:"eventType,omitempty"`
	Delay     time.Duration `json:"delay,omitempty"`

	// Operation is the one to be answered with Retcode: a name of the conference
	// family such as holdParticipant, login, or agentEvent for polls. With Applied it
	// is carried out all the same.
	Operation string `json:"operation,omitempty"`
	Retcode   string `json:"retcode,omitempty"`
	Applied   bool   `json:"applied,omitempty"`

	// Count is how often, 1 if it is 0.
	Count int `json:"count,omitempty"`
}

// SetFault adds a fault to those that wait for their occasion.
func (g *Gateway) SetFault(f Fault) error {
	known := slices.Contains([]string{"lose", "repeat", "reorder", "delay"}, f.Events)
	if known == (f.Operation != "") || f.Operation != "" && f.Retcode == "" {
		return errors.New("a fault has events (lose, repeat, reorder or delay), or operation and retcode")
	}
	f.Count = max(f.Count, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, &f)
	return nil
}

// ClearFaults takes all faults back.
func (g *Gateway) ClearFaults() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = nil
}

// use takes the first fault that fits, once.
func (g *Gateway) use(fits func(*Fault) bool) *Fault {
	i := slices.IndexFunc(g.faults, fits)
	if i < 0 {
		return nil
	}
	f := g.faults[i]
	if f.Count--; f.Count == 0 {
		g.faults = slices.Delete(g.faults, i, i+1)
	}
	return f
}

// refusal is the fault that answers operation, if there is one.
func (g *Gateway) refusal(operation string) *Fault {
	return g.use(func(f *Fault) bool { return f.Operation == operation })
}

// deliver queues an event for a, unless a fault has something else in store.
func (g *Gateway) deliver(a *agent, event Event) {
	f := g.use(func(f *Fault) bool {
		return f.Events != "" && (f.AgentID == "" || f.AgentID == a.id) && (f.EventType == "" || f.EventType == event.EventType)
	})
	if f == nil {
		a.queue(event)
		return
	}
	switch f.Events {
	case "repeat":
		a.queue(event)
		a.queue(event)
	case "reorder":
		a.heldBack = &event
	case "delay":
		time.AfterFunc(f.Delay, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			a.queue(event)
		})
	}
}
