package emulator

import (
	"slices"
	"time"
)

// Values of changeType in AgentConf_ParticipantChanged (page 0564).
const (
	changeJoined  = 0
	changeLeft    = 1
	changeChair   = 2
	changeMuted   = 3
	changeUnmuted = 4
	changeHeld    = 5
	changeUnheld  = 6
)

// Values of changeReason in AgentConf_ParticipantChanged (page 0564), as far as the
// emulator has a cause for them.
const (
	reasonByItself  = 0
	reasonByChair   = 1
	reasonHungUp    = 2
	reasonSignedOut = 4
	reasonNone      = 255 // for every changeType but changeLeft
)

// Values of result in AgentConf_ParticipantChanged (page 0564). The documentation
// says only that a failure is not 0.
const (
	resultDone   = 0
	resultFailed = 1
)

// maxParties is the highest capacity of a conference (page 0468).
const maxParties = 120

// conference is a conference with its joined and its invited participants.
type conference struct {
	gateway      *Gateway
	id           int64
	chair        *agent
	begun        bool // AgentConf_RequestSuccess was emitted
	ended        bool
	capacity     int
	participants []*participant
	announcement *announcement

	beganAt        time.Time
	minutes        int // length
	warningMinutes int // time between AgentConf_Timeout and the end
	warningTimer   *time.Timer
	endTimer       *time.Timer
}

// confID is the content of the events that name the conference only.
type confID struct {
	ConfID int64 `json:"confId"`
}

// newConference returns a conference that a has applied for.
func (a *agent) newConference(capacity, minutes, warningMinutes int) *conference {
	g := a.gateway
	g.lastConferenceID++
	c := &conference{
		gateway: g, id: g.lastConferenceID, chair: a, capacity: capacity,
		minutes: minutes, warningMinutes: warningMinutes,
	}
	c.participants = []*participant{{address: address{AddressType: agentNumber, Address: a.id}, agent: a}}
	g.conferences = append(g.conferences, c)
	a.conference = c
	return c
}

// runAfter runs f after delay, with the gateway locked, unless c has ended by then.
func (c *conference) runAfter(delay time.Duration, f func()) *time.Timer {
	return time.AfterFunc(delay, func() {
		c.gateway.mu.Lock()
		defer c.gateway.mu.Unlock()
		if !c.ended {
			f()
		}
	})
}

// begin starts the conference, with its chairperson as the first participant.
func (c *conference) begin() {
	c.begun = true
	c.beganAt = time.Now()
	c.participantOf(c.chair).join()
	c.scheduleEnd()
}

// scheduleEnd sets the times of the warning and of the end (page 0562).
func (c *conference) scheduleEnd() {
	c.stopTimers()
	remaining := time.Until(c.beganAt.Add(time.Duration(c.minutes) * time.Minute))
	warning := time.Duration(min(c.warningMinutes, c.minutes-1)) * time.Minute
	c.warningTimer = c.runAfter(remaining-warning, func() { c.chair.emit("AgentConf_Timeout", confID{c.id}) })
	c.endTimer = c.runAfter(remaining, c.release)
}

func (c *conference) stopTimers() {
	if c.endTimer != nil {
		c.warningTimer.Stop()
		c.endTimer.Stop()
	}
}

// release ends the conference. Every agent in it receives the events in the order of
// page 0472. An agent that is only invited receives none.
func (c *conference) release() {
	c.ended = true
	c.stopTimers()
	isEnded := func(other *conference) bool { return other.ended }
	c.gateway.conferences = slices.DeleteFunc(c.gateway.conferences, isEnded)
	for _, p := range c.participants {
		switch a := p.agent; {
		case a == nil:
		case a.invitation == c:
			a.invitation = nil
		case a.conference == c:
			a.emitRecordDone()
			a.leave(phoneReleasedByPlatform)
			a.emit("AgentState_Ready", nil)
		}
	}
}

// find returns the joined or invited participant with this address, or nil.
func (c *conference) find(addr address) *participant {
	for _, p := range c.participants {
		if p.AddressType == addr.AddressType && p.Address == addr.Address {
			return p
		}
	}
	return nil
}

// joined returns the participant with this address if it has joined, or nil.
func (c *conference) joined(addr address) *participant {
	if p := c.find(addr); p != nil && p.joined {
		return p
	}
	return nil
}

func (c *conference) participantOf(a *agent) *participant {
	return c.find(address{AddressType: agentNumber, Address: a.id})
}

// remove removes p and emits the change to the remaining agents.
func (c *conference) remove(p *participant, changeType, result, reason int) {
	c.participants = slices.DeleteFunc(c.participants, func(other *participant) bool { return other == p })
	c.emitChange(p, changeType, result, reason)
}

// failInvitation removes p, which was invited and has not joined.
func (c *conference) failInvitation(p *participant) {
	c.remove(p, changeJoined, resultFailed, reasonNone)
}

// removeSignedOut removes an agent that signs out. If it is the chairperson, the
// conference ends.
func (c *conference) removeSignedOut(a *agent) {
	if c.chair == a {
		c.release()
		return
	}
	a.conference = nil
	c.remove(c.participantOf(a), changeLeft, resultDone, reasonSignedOut)
}

// participantChanged is the content of AgentConf_ParticipantChanged (page 0564).
type participantChanged struct {
	Result          int    `json:"result"`
	ChangeReason    int    `json:"changeReason"`
	ChangeType      int    `json:"changeType"`
	ConfID          int64  `json:"confId"`
	Participant     string `json:"participant"`
	ParticipantType int    `json:"participantType"`
	DeviceCallType  int    `json:"deviceCallType"`
	DeviceType      int    `json:"deviceType"`
}

// emitChange emits AgentConf_ParticipantChanged to every agent in the conference. An
// agent that is invited and has not answered is not in it.
func (c *conference) emitChange(p *participant, changeType, result, reason int) {
	content := participantChanged{
		Result:          result,
		ChangeReason:    reason,
		ChangeType:      changeType,
		ConfID:          c.id,
		Participant:     p.Address,
		ParticipantType: int(p.AddressType[0] - '0'),
		DeviceCallType:  p.DeviceCallType,
		DeviceType:      p.DeviceType,
	}
	for _, other := range c.participants {
		if other.agent != nil && other.agent.conference == c {
			other.agent.emit("AgentConf_ParticipantChanged", content)
		}
	}
}
