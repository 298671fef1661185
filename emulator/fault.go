package emulator

import (
	"errors"
	"slices"
	"time"
)

// Fault is a misbehaviour of the gateway, for tests of its clients. It either changes
// the delivery of events (Events), or answers an operation with a retcode (Operation).
type Fault struct {
	// Events is the effect on an event: lose, repeat, reorder (the next event overtakes
	// it) or delay by Delay. AgentID and EventType select the events; empty selects all.
	Events    string        `json:"events,omitempty"`
	AgentID   string        `json:"agentId,omitempty"`
	EventType string        `json:"eventType,omitempty"`
	Delay     time.Duration `json:"delay,omitempty"`

	// Operation is answered with Retcode. It is a name of the conference family such as
	// holdParticipant, login for both kinds of sign-in, or agentEvent for polls. With
	// Applied, the gateway executes a conference operation nevertheless.
	Operation string `json:"operation,omitempty"`
	Retcode   string `json:"retcode,omitempty"`
	Applied   bool   `json:"applied,omitempty"`

	// Count is the number of uses. 0 means 1.
	Count int `json:"count,omitempty"`
}

// SetFault adds a fault. The first matching fault applies, and disappears after Count
// uses. An incomplete fault is an error.
func (g *Gateway) SetFault(f Fault) error {
	changesEvents := slices.Contains([]string{"lose", "repeat", "reorder", "delay"}, f.Events)
	if changesEvents == (f.Operation != "") || f.Operation != "" && f.Retcode == "" {
		return errors.New("a fault has events (lose, repeat, reorder or delay), or operation and retcode")
	}
	f.Count = max(f.Count, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, &f)
	return nil
}

// ClearFaults removes all faults.
func (g *Gateway) ClearFaults() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = nil
}

// takeFault uses the first matching fault once. It returns nil if none matches.
func (g *Gateway) takeFault(matches func(*Fault) bool) *Fault {
	i := slices.IndexFunc(g.faults, matches)
	if i < 0 {
		return nil
	}
	f := g.faults[i]
	if f.Count--; f.Count == 0 {
		g.faults = slices.Delete(g.faults, i, i+1)
	}
	return f
}

// takeRetcodeFault takes the fault of an operation. A fault for events has no operation.
func (g *Gateway) takeRetcodeFault(operation string) *Fault {
	return g.takeFault(func(f *Fault) bool { return f.Operation == operation })
}

func (f *Fault) matchesEvent(event Event) bool {
	return f.Events != "" && (f.AgentID == "" || f.AgentID == event.WorkNo) &&
		(f.EventType == "" || f.EventType == event.EventType)
}

// deliver enqueues an event for a, with the effect of a matching fault. The effect
// lose is no case. An event that is delayed beyond the end of the session is lost, too.
func (g *Gateway) deliver(a *agent, event Event) {
	f := g.takeFault(func(f *Fault) bool { return f.matchesEvent(event) })
	if f == nil {
		a.enqueue(event)
		return
	}
	switch f.Events {
	case "repeat":
		a.enqueue(event)
		a.enqueue(event)
	case "reorder":
		a.overtaken = &event
	case "delay":
		time.AfterFunc(f.Delay, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			a.enqueue(event)
		})
	}
}
