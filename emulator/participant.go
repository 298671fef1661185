package emulator

import (
	"slices"
	"time"
)

// Values of addressType (page 0473).
const (
	phoneNumber = "6"
	agentNumber = "9"
)

// address names a participant in a request. Only invitations have the two device types,
// whose values page 0583 lists; events and queries repeat them.
type address struct {
	AddressType    string `json:"addressType"`
	Address        string `json:"address"` // at most 24 bytes
	DeviceCallType int    `json:"deviceCallType"`
	DeviceType     int    `json:"deviceType"`
}

func (addr address) valid() bool {
	return (addr.AddressType == phoneNumber || addr.AddressType == agentNumber) &&
		addr.Address != "" && len(addr.Address) <= 24
}

// participant is a phone or an agent that has joined a conference or is invited to it.
type participant struct {
	address
	agent        *agent // nil for a phone, and for an agent that could not be invited
	joined       bool
	joinedAt     time.Time
	held         bool
	attribute    int // mode, by the values of page 0479
	announcement *announcement
}

// Modes of a participant (page 0479): 1 listens, 2 speaks, 3 does both, 4 does neither.
const (
	modeMuted   = 1
	modeUnmuted = 3
	modeNeither = 4
)

// join marks p as joined, with the permission to listen and to speak.
func (p *participant) join() { p.joined, p.joinedAt, p.attribute = true, time.Now(), modeUnmuted }

type inviteBody struct {
	Addresses []address `json:"addresses"`
	BeepTone  bool      `json:"beepTone"`
	VoicePath string    `json:"voicePath"`
}

func (b inviteBody) valid() bool {
	for i, addr := range b.Addresses {
		if !addr.valid() || slices.Contains(b.Addresses[:i], addr) {
			return false
		}
	}
	return len(b.Addresses) > 0 && (!b.BeepTone || b.VoicePath != "")
}

// batchAddParticipant invites phones and agents (page 0477). A phone joins after
// AnswerDelay, an agent when it answers.
func (c *conference) batchAddParticipant(b inviteBody) (any, string) {
	isThere := func(addr address) bool { return c.find(addr) != nil }
	if len(c.participants)+len(b.Addresses) > c.capacity || slices.ContainsFunc(b.Addresses, isThere) {
		return nil, badArgument
	}
	var called []*participant
	for _, addr := range b.Addresses {
		called = append(called, c.invite(addr))
	}
	c.runAfter(c.gateway.config.AnswerDelay, func() {
		for _, p := range called {
			c.completeCall(p)
		}
	})
	return nil, success
}

// invite calls a phone or an agent. An agent that is not available is no participant.
func (c *conference) invite(addr address) *participant {
	p := &participant{address: addr}
	if addr.AddressType == agentNumber {
		a := c.gateway.agents[addr.Address]
		if a == nil || a.conference != nil || a.invitation != nil {
			return p
		}
		p.agent, a.invitation = a, c
		a.emit("AgentConf_Ringing", confID{c.id})
	}
	c.participants = append(c.participants, p)
	return p
}

// completeCall ends the call to p, AnswerDelay after its begin: a phone joins, unless it
// was removed while it rang. An invited agent answers or rejects by a request.
func (c *conference) completeCall(p *participant) {
	switch {
	case p.agent != nil: // still rings, or has answered or rejected
	case p.AddressType == agentNumber:
		c.emitChange(p, changeJoined, resultFailed, reasonNone)
	case slices.Contains(c.participants, p):
		c.admit(p)
	}
}

// admit lets a participant that was called join.
func (c *conference) admit(p *participant) {
	p.join()
	c.emitChange(p, changeJoined, resultDone, reasonNone)
}

type removeBody struct {
	Addresses []address `json:"addresses"` // at most 30, where an invitation may have 120
}

func (b removeBody) valid() bool {
	isInvalid := func(addr address) bool { return !addr.valid() }
	return 0 < len(b.Addresses) && len(b.Addresses) <= 30 && !slices.ContainsFunc(b.Addresses, isInvalid)
}

type missingParticipant struct {
	AddressType string `json:"addressType"`
	Address     string `json:"address"`
}

// batchRemoveParticipant removes participants. Its result names those that are not in
// the conference (page 0478).
func (c *conference) batchRemoveParticipant(b removeBody) (any, string) {
	isChair := func(addr address) bool { return c.find(addr) == c.participantOf(c.chair) }
	if slices.ContainsFunc(b.Addresses, isChair) {
		return nil, removingChair
	}
	missing := []missingParticipant{} // not nil, which would be null in JSON
	for _, addr := range b.Addresses {
		if p := c.find(addr); p != nil {
			c.removeByChair(p)
		} else {
			missing = append(missing, missingParticipant{addr.AddressType, addr.Address})
		}
	}
	return map[string]any{"noExistParticipants": missing}, success
}

func (c *conference) removeByChair(p *participant) {
	a := p.agent
	if !p.joined {
		if a != nil {
			a.invitation = nil
		}
		c.failInvitation(p)
		return
	}
	if a != nil {
		a.leave(phoneReleasedByPlatform)
		a.emit("AgentState_Ready", nil)
	}
	c.remove(p, changeLeft, resultDone, reasonByChair)
}

type holdBody struct {
	address
	playBody
}

func (b holdBody) valid() bool { return b.address.valid() && b.playBody.valid() }

// holdParticipant puts a participant on hold (page 0473).
func (c *conference) holdParticipant(b holdBody) (any, string) {
	return c.setHeld(b.address, true, changeHeld)
}

// unholdParticipant takes a participant off hold (page 0474).
func (c *conference) unholdParticipant(addr address) (any, string) {
	return c.setHeld(addr, false, changeUnheld)
}

func (c *conference) setHeld(addr address, held bool, changeType int) (any, string) {
	p := c.joined(addr)
	switch {
	case p == nil:
		return nil, badArgument
	case p.held == held:
		return nil, operationFailed
	}
	p.held = held
	c.emitChange(p, changeType, resultDone, reasonNone)
	return nil, success
}

type modeBody struct {
	address
	Attribute int `json:"attribute"`
}

func (b modeBody) valid() bool {
	return b.address.valid() && inRange(&b.Attribute, modeMuted, modeNeither)
}

// changeParticipantMode sets the mode of a participant. Only modeMuted and modeUnmuted
// have an event (page 0479).
func (c *conference) changeParticipantMode(b modeBody) (any, string) {
	p := c.joined(b.address)
	if p == nil {
		return nil, badArgument
	}
	p.attribute = b.Attribute
	switch b.Attribute {
	case modeMuted:
		c.emitChange(p, changeMuted, resultDone, reasonNone)
	case modeUnmuted:
		c.emitChange(p, changeUnmuted, resultDone, reasonNone)
	}
	return nil, success
}
