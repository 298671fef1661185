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

// confID is the content of the events that tell no more than the conference.
type confID struct {
	ConfID int64 `json:"confId"`
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
