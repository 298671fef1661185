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

// address names a participant in a request.
type address struct {
	AddressType    string `json:"addressType"`
	Address        string `json:"address"`
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
	agent        *agent // nil for a phone
	joined       bool
	joinedAt     time.Time
	held         bool
	attribute    int // mode, by the values of page 0479
	announcement *announcement
}

// join marks p as joined, with the permission to listen and to speak.
func (p *participant) join() { p.joined, p.joinedAt, p.attribute = true, time.Now(), 3 }

type inviteBody struct {
	Addresses []address `json:"addresses"`
	BeepTone  bool      `json:"beepTone"`
	VoicePath string    `json:"voicePath"`
}

// batchAddParticipant invites phones and agents (page 0477).
func (g *Gateway) batchAddParticipant(a *agent, b inviteBody) string {
	c, retcode := chairedBy(a)
	switch {
	case retcode != success:
		return retcode
	case len(b.Addresses) == 0, len(c.participants)+len(b.Addresses) > c.capacity, b.BeepTone && b.VoicePath == "":
		return badArgument
	}
	for i, addr := range b.Addresses {
		if !addr.valid() || c.find(addr) != nil || slices.Contains(b.Addresses[:i], addr) {
			return badArgument
		}
	}
	var complete []func()
	for _, addr := range b.Addresses {
		complete = append(complete, g.invite(c, addr))
	}
	c.runAfter(g.config.AnswerDelay, func() {
		for _, f := range complete {
			f()
		}
	})
	return success
}

// invite calls a phone or an agent. After AnswerDelay, complete finishes the
// invitation of a phone or of an unavailable agent.
func (g *Gateway) invite(c *conference, addr address) (complete func()) {
	p := &participant{address: addr}
	if addr.AddressType == phoneNumber {
		c.participants = append(c.participants, p)
		return func() { c.answerPhone(p) }
	}
	invited := g.agents[addr.Address]
	if invited == nil || invited.conference != nil || invited.invitation != nil {
		return func() { c.emitChange(p, changeJoined, resultFailed, reasonNone) }
	}
	p.agent = invited
	c.participants = append(c.participants, p)
	invited.invitation = c
	invited.emit("AgentConf_Ringing", confID{c.id})
	return func() {} // an available agent answers or rejects by a request
}

// answerPhone lets the phone p join, unless it was removed while it rang.
func (c *conference) answerPhone(p *participant) {
	if slices.Contains(c.participants, p) {
		p.join()
		c.emitChange(p, changeJoined, resultDone, reasonNone)
	}
}

type removeBody struct {
	Addresses []address `json:"addresses"`
}

type missingParticipant struct {
	AddressType string `json:"addressType"`
	Address     string `json:"address"`
}

// batchRemoveParticipant removes participants. Its result names those that are not in
// the conference (page 0478).
func (g *Gateway) batchRemoveParticipant(a *agent, b removeBody) (any, string) {
	c, retcode := chairedBy(a)
	isInvalid := func(addr address) bool { return !addr.valid() }
	isChair := func(addr address) bool { return c.find(addr) == c.participantOf(a) }
	switch {
	case retcode != success:
		return nil, retcode
	case len(b.Addresses) < 1, len(b.Addresses) > 30, slices.ContainsFunc(b.Addresses, isInvalid):
		return nil, badArgument
	case slices.ContainsFunc(b.Addresses, isChair):
		return nil, removingChair
	}
	missing := []missingParticipant{}
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

// holdParticipant puts a participant on hold (page 0473).
func (g *Gateway) holdParticipant(a *agent, b holdBody) string {
	if !b.playBody.valid() {
		return badArgument
	}
	return setHeld(a, b.address, true, changeHeld)
}

// unholdParticipant takes a participant off hold (page 0474).
func (g *Gateway) unholdParticipant(a *agent, addr address) string {
	return setHeld(a, addr, false, changeUnheld)
}

func setHeld(a *agent, addr address, held bool, changeType int) string {
	c, p, retcode := joinedParticipant(a, addr)
	if retcode != success {
		return retcode
	}
	if p.held == held {
		return operationFailed
	}
	p.held = held
	c.emitChange(p, changeType, resultDone, reasonNone)
	return success
}

// joinedParticipant returns the conference that a chairs, and the joined participant
// with this address.
func joinedParticipant(a *agent, addr address) (*conference, *participant, string) {
	if !addr.valid() {
		return nil, nil, badArgument
	}
	c, retcode := chairedBy(a)
	if retcode != success {
		return nil, nil, retcode
	}
	p := c.find(addr)
	if p == nil || !p.joined {
		return nil, nil, badArgument
	}
	return c, p, success
}

type modeBody struct {
	address
	Attribute int `json:"attribute"`
}

// changeParticipantMode sets the mode of a participant. Only 1 (mute) and 3 (unmute)
// have an event (page 0479).
func (g *Gateway) changeParticipantMode(a *agent, b modeBody) string {
	if !inRange(&b.Attribute, 1, 4) {
		return badArgument
	}
	c, p, retcode := joinedParticipant(a, b.address)
	if retcode != success {
		return retcode
	}
	p.attribute = b.Attribute
	switch b.Attribute {
	case 1:
		c.emitChange(p, changeMuted, resultDone, reasonNone)
	case 3:
		c.emitChange(p, changeUnmuted, resultDone, reasonNone)
	}
	return success
}
