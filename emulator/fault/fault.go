// Package fault describes misbehaviours of an emulated gateway, chooses them, and performs
// them on an HTTP answer.
package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Any is the operation or event type that stands for all.
const Any = "*"

// Effects of a fault on the delivery of an event.
const (
	Lose    = "lose"
	Repeat  = "repeat"
	Reorder = "reorder" // the next event overtakes this one
	Delay   = "delay"
)

// Values of Connection.
const (
	Hang  = "hang"  // no answer until the client leaves
	Close = "close" // FIN
	Reset = "reset" // RST
)

// Values of At.
const (
	Before = "before" // the answer; the default
	In     = "in"     // after half of the body
	After  = "after"  // the answer
)

// Fault is a misbehaviour of the gateway. It either changes the delivery of events (Events)
// or the answer to an operation (Operation).
type Fault struct {
	ID   string // given by the emulator
	Left int    // uses that are left, by the emulator; -1 is no limit

	// Operation is the gateway's method name of the requests that the fault applies to, or Any.
	// Events is the effect on events instead.
	Operation string
	Events    string

	// AgentID and EventType narrow the requests or events; empty selects all. With the operation
	// getAgentEvent, EventType selects the polls that take such an event.
	AgentID   string
	EventType string

	Count       int     // number of uses; 0 means 1, -1 is no limit
	Probability float64 // that the fault applies to a match; 0 means 1

	// Delay is the time before the answer or the event. DelayMax makes it a time that is drawn
	// evenly between both. DelayMean adds an exponentially distributed time, at most ten means.
	Delay, DelayMax, DelayMean time.Duration

	Retcode string
	Status  int               // of HTTP; the body is empty unless Retcode or Body is set
	Headers map[string]string // replace those of the answer, with their spelling
	Body    string            // replaces the body
	// Connection is what happens to the connection, and At when, for Close and Reset.
	Connection, At string

	Applied bool // the operation is executed although its answer is lost or replaced
	Late    bool // it is executed only after the delay, or, with Hang, after the client has left
}

// Catalog lists what a fault can apply to.
type Catalog struct {
	Operations, EventTypes []string
	IsAgentID              func(string) bool
}

// Limits of the fields.
const (
	maxDelay = time.Hour
	maxCount = 1_000_000
)

// Check returns an error for a fault that can never match, or that would do nothing. The
// error lists what exists.
func (f *Fault) Check(c Catalog) error {
	for _, check := range []func(Catalog) error{f.checkSelection, f.checkEffect, f.checkAnswer, f.checkNumbers} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fault) checkSelection(c Catalog) error {
	switch {
	case (f.Operation == "") == (f.Events == ""):
		return fmt.Errorf("a fault has either operation or events (%s)", strings.Join(eventEffects, ", "))
	case f.Events != "":
		if err := oneOf("events", f.Events, eventEffects); err != nil {
			return err
		}
	default:
		if err := oneOf("operation", f.Operation, append([]string{Any}, c.Operations...)); err != nil {
			return err
		}
	}
	if f.AgentID != "" && c.IsAgentID != nil && !c.IsAgentID(f.AgentID) {
		return fmt.Errorf("agentId %q is no agent ID; agent IDs are the numbers from 101 to 999999", f.AgentID)
	}
	if f.EventType == "" {
		return nil
	}
	if f.Operation != "" && f.Operation != pollOperation {
		return fmt.Errorf("eventType goes with events or with the operation %s, not with %s",
			pollOperation, f.Operation)
	}
	return oneOf("eventType", f.EventType, append([]string{Any}, c.EventTypes...))
}

// pollOperation is the operation whose faults may have an event type.
const pollOperation = "getAgentEvent"

var eventEffects = []string{Lose, Repeat, Reorder, Delay}

// oneOf returns an error that lists the values, unless value is one of them.
func oneOf(field, value string, values []string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("unknown %s %q; there are %s", field, value, strings.Join(values, ", "))
}

func (f *Fault) checkEffect(Catalog) error {
	if f.Events == "" {
		if f.replaces() || f.delays() || len(f.Headers) > 0 || f.Connection != "" {
			return nil
		}
		return fmt.Errorf("the fault of %s has no effect; set one of "+
			"delay, retcode, status, headers, body, connection", f.Operation)
	}
	if f.replaces() || len(f.Headers) > 0 || f.Connection != "" || f.At != "" || f.Applied || f.Late {
		return fmt.Errorf("a fault of events has no answer to change; set operation instead of events")
	}
	if f.delays() != (f.Events == Delay) {
		return fmt.Errorf(`events "delay" and delay (or delayMax, delayMean) go together`)
	}
	return nil
}

func (f *Fault) checkAnswer(Catalog) error {
	if f.Connection != "" {
		if err := oneOf("connection", f.Connection, []string{Hang, Close, Reset}); err != nil {
			return err
		}
	}
	if f.At != "" {
		if f.Connection != Close && f.Connection != Reset {
			return fmt.Errorf("at goes with connection close or reset")
		}
		if err := oneOf("at", f.At, []string{Before, In, After}); err != nil {
			return err
		}
	}
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not from 200 to 599", f.Status)
	case f.Late && f.EventType != "":
		return fmt.Errorf("late does not go with eventType: the poll has taken its event already")
	case f.Late && !f.delays() && f.Connection != Hang:
		return fmt.Errorf("late goes with a delay or with connection hang")
	}
	return checkHeaders(f.Headers)
}

func (f *Fault) checkNumbers(Catalog) error {
	for _, d := range []time.Duration{f.Delay, f.DelayMax, f.DelayMean} {
		if d < 0 || d > maxDelay {
			return fmt.Errorf("delay, delayMax and delayMean are from 0s to %v", maxDelay)
		}
	}
	switch {
	case f.DelayMax > 0 && f.DelayMax < f.Delay:
		return fmt.Errorf("delayMax is below delay")
	case f.Count < -1 || f.Count > maxCount:
		return fmt.Errorf("count is -1 (no limit) or from 1 to %d", maxCount)
	case !(f.Probability >= 0 && f.Probability <= 1):
		return fmt.Errorf("probability is above 0 and at most 1")
	}
	return nil
}

func (f *Fault) delays() bool { return f.Delay > 0 || f.DelayMax > 0 || f.DelayMean > 0 }

// replaces reports whether the fault has a part of the answer other than headers.
func (f *Fault) replaces() bool { return f.Retcode != "" || f.Status != 0 || f.Body != "" }

// losesAnswer reports whether the client gets nothing of the answer.
func (f *Fault) losesAnswer() bool {
	return f.Connection == Hang || f.Connection != "" && (f.At == "" || f.At == Before)
}

// Executes reports whether the operation is executed under the fault: it is if its answer
// reaches the client at least in part, and otherwise with Applied or Late. A nil fault executes.
func (f *Fault) Executes() bool {
	return f == nil || f.Applied || f.Late || !f.replaces() && !f.losesAnswer()
}

// MatchesRequest reports whether the fault applies to requests of an agent for an operation.
func (f *Fault) MatchesRequest(operation, agentID string) bool {
	return f.Operation != "" && f.EventType == "" && (f.Operation == Any || f.Operation == operation) &&
		f.matchesAgent(agentID)
}

// MatchesPoll reports whether the fault applies to polls of an agent that take an event.
func (f *Fault) MatchesPoll(agentID, eventType string) bool {
	return f.Operation == pollOperation && f.EventType != "" && f.matchesType(eventType) && f.matchesAgent(agentID)
}

// MatchesEvent reports whether the fault changes the delivery of an event.
func (f *Fault) MatchesEvent(agentID, eventType string) bool {
	return f.Events != "" && f.matchesType(eventType) && f.matchesAgent(agentID)
}

func (f *Fault) matchesAgent(id string) bool { return f.AgentID == "" || f.AgentID == id }

func (f *Fault) matchesType(eventType string) bool {
	return f.EventType == "" || f.EventType == Any || f.EventType == eventType
}
