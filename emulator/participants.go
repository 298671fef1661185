package emulator

import "slices"

type inviteBody struct {
	Addresses []address `json:"addresses"`
	BeepTone  bool      `json:"beepTone"`
	VoicePath string    `json:"voicePath"`
}

// batchAddParticipant invites (page 0477).
func (g *Gateway) batchAddParticipant(a *agent, b inviteBody) string {
	c, retcode := chaired(a)
	switch {
	case retcode != success:
		return retcode
	case len(b.Addresses) == 0, len(c.members)+len(b.Addresses) > c.capacity, b.BeepTone && b.VoicePath == "":
		return badArgument
	}
	for i, who := range b.Addresses {
		if !who.valid() || c.find(who) != nil || slices.Contains(b.Addresses[:i], who) {
			return badArgument
		}
	}
	var outcomes []func()
	for _, who := range b.Addresses {
		outcomes = append(outcomes, g.invite(c, who))
	}
	g.later(c, func() {
		for _, outcome := range outcomes {
			outcome()
		}
	})
	return success
}

// invite calls somebody, and returns what comes of it after AnswerDelay.
func (g *Gateway) invite(c *conf, who address) (outcome func()) {
	m := &member{address: who}
	if who.AddressType == phoneNumber {
		c.members = append(c.members, m)
		return func() {
			if slices.Contains(c.members, m) { // it was not removed meanwhile
				c.join(m)
			}
		}
	}
	invited := g.agents[who.Address]
	if invited == nil || invited.conf != nil || invited.ringing != nil {
		return func() { c.announce(m, joined, 1, noReason) }
	}
	m.agent = invited
	c.members = append(c.members, m)
	invited.ringing = c
	invited.tell("AgentConf_Ringing", confID{c.id})
	return func() {} // the agent answers when it likes
}

type removeBody struct {
	Addresses []address `json:"addresses"`
}

type noExist struct {
	AddressType string `json:"addressType"`
	Address     string `json:"address"`
}

// batchRemoveParticipant removes those who are there and names the others (page
// 0478).
func (g *Gateway) batchRemoveParticipant(a *agent, b removeBody) (any, string) {
	c, retcode := chaired(a)
	switch {
	case retcode != success:
		return nil, retcode
	case len(b.Addresses) < 1, len(b.Addresses) > 30, slices.ContainsFunc(b.Addresses, func(who address) bool { return !who.valid() }):
		return nil, badArgument
	case slices.ContainsFunc(b.Addresses, func(who address) bool { return c.find(who) == c.memberOf(a) }):
		return nil, removingChair
	}
	missing := []noExist{}
	for _, who := range b.Addresses {
		if m := c.find(who); m != nil {
			c.expel(m)
		} else {
			missing = append(missing, noExist{who.AddressType, who.Address})
		}
	}
	return map[string]any{"noExistParticipants": missing}, success
}

// expel removes m, who is told, and tells the others.
func (c *conf) expel(m *member) {
	c.remove(m)
	if !m.joined {
		if m.agent != nil {
			m.agent.ringing = nil
		}
		c.announce(m, joined, 1, noReason)
		return
	}
	if a := m.agent; a != nil {
		a.conf = nil
		a.tell("AgentOther_PhoneRelease", map[string]any{"phoneState": 3})
		a.tell("AgentConf_SelfLeaveResult", confID{c.id})
		a.tell("AgentState_Ready", nil)
	}
	c.announce(m, left, 0, byChair)
}

type holdBody struct {
	address
	PlayMode  *int   `json:"playMode"`
	VoicePath string `json:"voicePath"`
}

// plays reports whether the body names a file to be played.
func (b holdBody) plays() bool {
	return b.VoicePath != "" && len([]rune(b.VoicePath)) <= 127 && between(b.PlayMode, 2, 2)
}

// holdParticipant puts a participant on hold (page 0473).
func (g *Gateway) holdParticipant(a *agent, b holdBody) string {
	if !b.plays() {
		return badArgument
	}
	return setHeld(a, b.address, true)
}

// unholdParticipant takes a participant off hold (page 0474).
func (g *Gateway) unholdParticipant(a *agent, who address) string {
	return setHeld(a, who, false)
}

func setHeld(a *agent, who address, hold bool) string {
	c, m, retcode := present(a, who)
	if retcode != success {
		return retcode
	}
	if m.held == hold {
		return exception
	}
	m.held = hold
	change := held
	if !hold {
		change = unheld
	}
	c.announce(m, change, 0, noReason)
	return success
}

// present returns the conference that a chairs, and who of it is meant.
func present(a *agent, who address) (*conf, *member, string) {
	if !who.valid() {
		return nil, nil, badArgument
	}
	c, retcode := chaired(a)
	if retcode != success {
		return nil, nil, retcode
	}
	m := c.find(who)
	if m == nil || !m.joined {
		return nil, nil, badArgument
	}
	return c, m, success
}

type modeBody struct {
	address
	Attribute int `json:"attribute"`
}

// changeParticipantMode mutes and unmutes; the two other modes are not announced
// (page 0479).
func (g *Gateway) changeParticipantMode(a *agent, b modeBody) string {
	if !between(&b.Attribute, 1, 4) {
		return badArgument
	}
	c, m, retcode := present(a, b.address)
	if retcode != success {
		return retcode
	}
	m.attribute = b.Attribute
	switch b.Attribute {
	case 1:
		c.announce(m, muted, 0, noReason)
	case 3:
		c.announce(m, unmuted, 0, noReason)
	}
	return success
}
