package emulator

import (
	"slices"
	"time"
)

type applyBody struct {
	MemberNum  int    `json:"memberNum"`
	Time       *int   `json:"time"`
	PromptTime *int   `json:"promptTime"`
	BeepTone   bool   `json:"beepTone"`
	VoicePath  string `json:"voicePath"`
}

func between(n *int, low, high int) bool { return n == nil || low <= *n && *n <= high }

// requestAgentConf applies for a conference (page 0468). What follows comes after
// AnswerDelay, when the chairperson's phone is answered.
func (g *Gateway) requestAgentConf(a *agent, b applyBody) string {
	switch {
	case !between(&b.MemberNum, 1, 120), !between(b.Time, 4, 1440), !between(b.PromptTime, 3, 1440),
		b.BeepTone && b.VoicePath == "":
		return badArgument
	case a.conf != nil:
		return alreadyConference
	}
	g.lastConf++
	c := &conf{id: g.lastConf, chair: a, capacity: b.MemberNum}
	c.members = []*member{{address: address{AddressType: agentNumber, Address: a.id}, agent: a, joined: true}}
	a.conf = c
	a.tell("AgentState_Busy", nil)
	a.tell("AgentOther_PhoneAlerting", nil)
	g.later(c, func() {
		a.tell("AgentOther_PhoneOffhook", map[string]any{"type": "main"})
		a.tell("AgentConf_SelfJoinResult", confID{c.id})
		a.tell("AgentConf_RequestSuccess", confID{c.id})
		c.ready = true
	})
	return success
}

// later runs f after AnswerDelay, unless c is over by then.
func (g *Gateway) later(c *conf, f func()) {
	time.AfterFunc(g.config.AnswerDelay, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !c.over {
			f()
		}
	})
}

// chaired returns the conference that a chairs.
func chaired(a *agent) (*conf, string) {
	switch {
	case a.conf == nil, !a.conf.ready:
		return nil, noConference
	case a.conf.chair != a:
		return nil, notChairperson
	}
	return a.conf, success
}

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
		return func() { c.join(m) }
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

// answerAgentConf joins the conference that a is invited to (page 0469).
func (g *Gateway) answerAgentConf(a *agent) string {
	c := a.ringing
	if c == nil {
		return noConference
	}
	a.ringing, a.conf = nil, c
	a.tell("AgentState_Busy", nil)
	a.tell("AgentConf_SelfJoinResult", confID{c.id})
	c.join(c.memberOf(a))
	return success
}

type holdBody struct {
	address
	PlayMode  *int   `json:"playMode"`
	VoicePath string `json:"voicePath"`
}

// holdParticipant puts a participant on hold (page 0473).
func (g *Gateway) holdParticipant(a *agent, b holdBody) string {
	if b.VoicePath == "" || len([]rune(b.VoicePath)) > 127 || !between(b.PlayMode, 2, 2) {
		return badArgument
	}
	return setHeld(a, b.address, true)
}

// unholdParticipant takes a participant off hold (page 0474).
func (g *Gateway) unholdParticipant(a *agent, who address) string {
	return setHeld(a, who, false)
}

func setHeld(a *agent, who address, hold bool) string {
	if !who.valid() {
		return badArgument
	}
	c, retcode := chaired(a)
	if retcode != success {
		return retcode
	}
	m := c.find(who)
	switch {
	case m == nil, !m.joined:
		return badArgument
	case m.held == hold:
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

// releaseAgentConf ends the conference (page 0472).
func (g *Gateway) releaseAgentConf(a *agent) string {
	c, retcode := chaired(a)
	if retcode != success {
		return retcode
	}
	c.end()
	return success
}
