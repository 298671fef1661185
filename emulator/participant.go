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

func (addr address) violation() string {
	return firstViolation(
		require(addr.AddressType == phoneNumber || addr.AddressType == agentNumber, `addressType is not "6" or "9"`),
		require(addr.Address != "", "address is missing"),
		require(len(addr.Address) <= 24, "address has over 24 bytes"))
}

// notJoined is the fault of an address that is not in the conference.
const notJoined = "address is no participant that has joined"

// participant is a phone or an agent that has joined a conference or is invited to it.
type participant struct {
	address
	agent        *agent // nil for a phone, and for an agent that could not be invited
	joined       bool
	joinedAt     time.Time
	holdVoice    string // announcement of the hold; "" if not held
	heldAt       time.Time
	attribute    int // mode, by the values of page 0479
	announcement *announcement
}

// Modes of a participant (page 0479): 1 listens, 2 speaks, 3 does both, 4 does neither.
const (
	modeMuted   = 1
	modeUnmuted = 3
	modeNeither = 4
)

func (p *participant) held() bool { return p.holdVoice != "" }

// join marks p as joined, with the permission to listen and to speak.
func (p *participant) join() { p.joined, p.joinedAt, p.attribute = true, time.Now(), modeUnmuted }

type inviteBody struct {
	Addresses []address `json:"addresses"`
	BeepTone  bool      `json:"beepTone"`
	VoicePath string    `json:"voicePath"`
}

func (b inviteBody) violation() string {
	for i, addr := range b.Addresses {
		if wrong := addr.violation(); wrong != "" {
			return "addresses: " + wrong
		}
		if slices.Contains(b.Addresses[:i], addr) {
			return "addresses has an address twice"
		}
	}
	return firstViolation(
		require(len(b.Addresses) > 0, "addresses is empty"),
		require(!b.BeepTone || b.VoicePath != "", "voicePath is missing, which beepTone needs"))
}

// batchAddParticipant invites phones and agents (page 0477). A phone joins after
// AnswerDelay, an agent when it answers.
func (c *conference) batchAddParticipant(b inviteBody) (any, string) {
	isThere := func(addr address) bool { return c.find(addr) != nil }
	switch {
	case len(c.participants)+len(b.Addresses) > c.capacity:
		return c.gateway.refuse("addresses has more participants than the conference has room for")
	case slices.ContainsFunc(b.Addresses, isThere):
		return c.gateway.refuse("addresses has a participant who is in the conference")
	}
	var called []*participant
	for _, addr := range b.Addresses {
		if p := c.invite(addr); !c.gateway.actOnRing(c, p) {
			called = append(called, p)
		}
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
// was removed while it rang, or waits for a person. An invited agent answers or rejects by a
// request.
func (c *conference) completeCall(p *participant) {
	switch {
	case p.agent != nil: // still rings, or has answered or rejected
	case p.AddressType == agentNumber:
		c.emitChange(p, changeJoined, resultFailed, reasonNone)
	case c.rings(p) && !c.gateway.config.ManualPhones:
		c.admit(p)
	}
}

// rings reports whether p is called and has not answered yet.
func (c *conference) rings(p *participant) bool {
	return !p.joined && slices.Contains(c.participants, p)
}

// admit lets a participant that was called join.
func (c *conference) admit(p *participant) {
	p.join()
	c.emitChange(p, changeJoined, resultDone, reasonNone)
}

type removeBody struct {
	Addresses []address `json:"addresses"` // at most 30, where an invitation may have 120
}

func (b removeBody) violation() string {
	for _, addr := range b.Addresses {
		if wrong := addr.violation(); wrong != "" {
			return "addresses: " + wrong
		}
	}
	return require(0 < len(b.Addresses) && len(b.Addresses) <= 30, "addresses has not 1 to 30 members")
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

func (b holdBody) violation() string {
	return firstViolation(b.address.violation(), b.playBody.violation())
}

// holdParticipant puts a participant on hold (page 0473).
func (c *conference) holdParticipant(b holdBody) (any, string) {
	return c.setHeld(b.address, b.VoicePath, changeHeld)
}

// unholdParticipant takes a participant off hold (page 0474).
func (c *conference) unholdParticipant(addr address) (any, string) {
	return c.setHeld(addr, "", changeUnheld)
}

// setHeld holds a participant with an announcement, or unholds it if voicePath is empty.
func (c *conference) setHeld(addr address, voicePath string, changeType int) (any, string) {
	p := c.joined(addr)
	switch {
	case p == nil:
		return c.gateway.refuse(notJoined)
	case p.held() == (voicePath != ""):
		return nil, operationFailed
	}
	p.holdVoice, p.heldAt = voicePath, time.Now()
	c.emitChange(p, changeType, resultDone, reasonNone)
	return nil, success
}

type modeBody struct {
	address
	Attribute int `json:"attribute"`
}

func (b modeBody) violation() string {
	return firstViolation(b.address.violation(),
		require(inRange(&b.Attribute, modeMuted, modeNeither), "attribute is not from 1 to 4"))
}

// changeParticipantMode sets the mode of a participant. Only modeMuted and modeUnmuted
// have an event (page 0479).
func (c *conference) changeParticipantMode(b modeBody) (any, string) {
	p := c.joined(b.address)
	if p == nil {
		return c.gateway.refuse(notJoined)
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
