package events

import (
	"maps"
	"strconv"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

// confirmations are the calls on one agent's conference whose events have not come yet.
type confirmations struct {
	byTarget map[operation.Participant]*Confirmation

	// owed counts the accepted calls that have ended without their event. Events come in
	// the order of the calls, so that the next one with such an effect belongs to the
	// earlier call.
	owed map[effect]int
}

// maxOwed bounds the effects that are remembered for one log. A conference has at most 120
// participants (page 0468).
const maxOwed = 500

func (cs *confirmations) waiting() int { return len(cs.byTarget) }

func (cs *confirmations) add(c *Confirmation) {
	if cs.byTarget == nil {
		cs.byTarget = map[operation.Participant]*Confirmation{}
	}
	cs.byTarget[c.effect.target] = c
}

// settle hands a call its verdict, and frees its place.
func (cs *confirmations) settle(c *Confirmation, v verdict) {
	c.verdict <- v
	delete(cs.byTarget, c.effect.target)
}

// apply settles the calls that an event concerns. An event that has not seen the barrier of
// a call was handed out before that call, and says nothing about it. The gateway may still
// have queued an event before the call that it handed out after it: an event has nothing
// that links it to a request (page 0564).
func (cs *confirmations) apply(l *eventLog, e entry) {
	if len(cs.byTarget)+len(cs.owed) == 0 {
		return
	}
	event := decodeEvent(e.data, e.sequence)
	change := event.GetParticipantChanged()
	target := operation.Participant{
		AddressType: strconv.Itoa(int(change.GetParticipantType())), Address: change.GetParticipant(),
	}
	switch kind := Change(change.GetChangeType()); {
	case event.GetSelfLeaveResult() != nil:
		cs.overAll(l, e, "the agent left the conference", false)
	case change == nil:
	case kind != Left:
		cs.confirm(effect{target, kind}, e, event)
	case change.GetResult() != 0: // the participant is still there
	case change.GetChangeReason() == conferenceEnded:
		cs.overAll(l, e, "the conference ended", true)
	default:
		cs.over(l, e, cs.byTarget[target], "the participant left", true)
		cs.forget(target)
	}
}

// confirm settles the call whose effect the event shows, unless the event is owed to an
// earlier call. No event of an earlier call on the participant can follow.
func (cs *confirmations) confirm(effect effect, e entry, event *agentconfv1.AgentEvent) {
	if cs.owed[effect] > 0 {
		cs.owed[effect]--
		return
	}
	c := cs.byTarget[effect.target]
	if c == nil || c.effect != effect || e.seen < c.barrier {
		return
	}
	v := verdict{event: event}
	if result := event.GetParticipantChanged().GetResult(); result != 0 {
		v = verdict{err: FailedError{result}}
	}
	cs.settle(c, v)
	cs.forget(effect.target)
}

// over settles a call, which may be nil, that no event can confirm any more. The operation
// is ineffective if the end makes it so, unless its own event may have been lost.
func (cs *confirmations) over(l *eventLog, e entry, c *Confirmation, what string, ineffective bool) {
	if c != nil && e.seen >= c.barrier {
		cs.settle(c, verdict{err: OverError{what, ineffective && l.lost < c.barrier}})
	}
}

func (cs *confirmations) overAll(l *eventLog, e entry, what string, ineffective bool) {
	for _, c := range cs.byTarget {
		cs.over(l, e, c, what, ineffective)
	}
	cs.owed = nil
}

// forget takes in that no event of an earlier call on target can come any more.
func (cs *confirmations) forget(target operation.Participant) {
	maps.DeleteFunc(cs.owed, func(each effect, _ int) bool { return each.target == target })
}

// end settles all calls when the log ends.
func (cs *confirmations) end(cause *outcome.Error) {
	what := "the watch of the agent ended"
	switch cause.Reason {
	case outcome.SessionEnded.Reason:
		what = "the agent was signed out"
	case outcome.Stopping.Reason:
		what = "agentconf stopped"
	}
	for _, c := range cs.byTarget {
		cs.settle(c, verdict{err: OverError{What: what}})
	}
}
