package emulator

import (
	"slices"
	"time"
)

// The changeTypes of AgentConf_ParticipantChanged (page 0564).
const (
	joined = 0
	left   = 1
	held   = 5
	unheld = 6
)

// The changeReasons of AgentConf_ParticipantChanged (page 0564).
const (
	signedOut = 4
	noReason  = 255 // for every other changeType
)

// The address types of a participant (page 0473).
const (
	phoneNumber = "6"
	agentNumber = "9"
)

// conf is a conference, with everybody who is in it or invited.
type conf struct {
	id       int64
	chair    *agent
	ready    bool // AgentConf_RequestSuccess was sent
	over     bool
	capacity int
	members  []*member
}

type member struct {
	address
	agent  *agent // nil for a phone
	joined bool
	held   bool
}

// address is how requests name a participant.
type address struct {
	AddressType    string `json:"addressType"`
	Address        string `json:"address"`
	DeviceCallType int    `json:"deviceCallType"`
	DeviceType     int    `json:"deviceType"`
}

func (a address) valid() bool {
	return (a.AddressType == phoneNumber || a.AddressType == agentNumber) && a.Address != "" && len(a.Address) <= 24
}

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

type confID struct {
	ConfID int64 `json:"confId"`
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
	for _, who := range b.Addresses {
		g.invite(c, who)
	}
	return success
}

func (g *Gateway) invite(c *conf, who address) {
	m := &member{address: who}
	if who.AddressType == phoneNumber {
		c.members = append(c.members, m)
		g.later(c, func() { c.join(m) })
		return
	}
	invited := g.agents[who.Address]
	if invited == nil || invited.conf != nil || invited.ringing != nil {
		g.later(c, func() { c.announce(m, joined, 1, noReason) })
		return
	}
	m.agent = invited
	c.members = append(c.members, m)
	invited.ringing = c
	invited.tell("AgentConf_Ringing", confID{c.id})
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

func (c *conf) find(who address) *member {
	for _, m := range c.members {
		if m.AddressType == who.AddressType && m.Address == who.Address {
			return m
		}
	}
	return nil
}

func (c *conf) memberOf(a *agent) *member {
	return c.find(address{AddressType: agentNumber, Address: a.id})
}

func (c *conf) join(m *member) {
	m.joined = true
	c.announce(m, joined, 0, noReason)
}

// leave takes a, who signs out, out of the conference; the chairperson's leaving
// ends it.
func (c *conf) leave(a *agent) {
	if c.chair == a {
		c.end()
		return
	}
	a.conf = nil
	c.announce(c.remove(a), left, 0, signedOut)
}

func (c *conf) remove(a *agent) *member {
	m := c.memberOf(a)
	c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	return m
}

// end tells every agent in the conference, in the order of page 0472, that it is
// over.
func (c *conf) end() {
	c.over = true
	now := time.Now().UnixMilli()
	for _, m := range c.members {
		switch a := m.agent; {
		case a == nil:
		case a.ringing == c:
			a.ringing = nil
		case a.conf == c:
			a.conf = nil
			a.tell("AgentMediaEvent_StopRecordDone", map[string]any{"beginTime": now, "endTime": now, "taskId": "", "fileMediaType": "1"})
			a.tell("AgentOther_PhoneRelease", map[string]any{"phoneState": 3})
			a.tell("AgentConf_SelfLeaveResult", confID{c.id})
			a.tell("AgentState_Ready", nil)
		}
	}
}

// participantChanged is the content of the event of that name (page 0564).
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

// announce tells every agent in the conference what changed for m.
func (c *conf) announce(m *member, change, result, reason int) {
	content := participantChanged{
		Result:          result,
		ChangeReason:    reason,
		ChangeType:      change,
		ConfID:          c.id,
		Participant:     m.Address,
		ParticipantType: int(m.AddressType[0] - '0'),
		DeviceCallType:  m.DeviceCallType,
		DeviceType:      m.DeviceType,
	}
	for _, other := range c.members {
		if other.agent != nil && other.agent.conf == c {
			other.agent.tell("AgentConf_ParticipantChanged", content)
		}
	}
}
