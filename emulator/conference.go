package emulator

import (
	"slices"
	"time"
)

// The changeTypes of AgentConf_ParticipantChanged (page 0564).
const (
	joined       = 0
	left         = 1
	chairChanged = 2
	muted        = 3
	unmuted      = 4
	held         = 5
	unheld       = 6
)

// The changeReasons of AgentConf_ParticipantChanged (page 0564).
const (
	byItself  = 0
	byChair   = 1
	signedOut = 4
	noReason  = 255 // for every other changeType
)

// The address types of a participant (page 0473).
const (
	phoneNumber = "6"
	agentNumber = "9"
)

// maxParties is the highest capacity of a conference (page 0468).
const maxParties = 120

// conf is a conference, with everybody who is in it or invited.
type conf struct {
	gateway  *Gateway
	id       int64
	chair    *agent
	ready    bool // AgentConf_RequestSuccess was sent
	over     bool
	capacity int
	members  []*member
	playing  *voice

	began           time.Time
	minutes, prompt int         // length, and how long before its end the warning comes
	warning, ending *time.Timer // for those two
}

type member struct {
	address
	agent     *agent // nil for a phone
	joined    bool
	since     time.Time
	held      bool
	attribute int // of page 0479
	playing   *voice
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

// start lets the conference begin, with its chairperson in it.
func (c *conf) start() {
	c.ready = true
	c.began = time.Now()
	c.enter(c.memberOf(c.chair))
	c.schedule()
}

// schedule sets when the conference is warned of its end, and ends (page 0562).
func (c *conf) schedule() {
	if c.ending != nil {
		c.warning.Stop()
		c.ending.Stop()
	}
	left := time.Until(c.began.Add(time.Duration(c.minutes) * time.Minute))
	prompt := time.Duration(min(c.prompt, c.minutes-1)) * time.Minute
	c.warning = c.gateway.after(c, left-prompt, func() { c.chair.tell("AgentConf_Timeout", confID{c.id}) })
	c.ending = c.gateway.after(c, left, c.end)
}

func (c *conf) enter(m *member) {
	m.joined, m.since, m.attribute = true, time.Now(), 3
}

func (c *conf) join(m *member) {
	c.enter(m)
	c.announce(m, joined, 0, noReason)
}

// signedOut takes a, who signs out, out of the conference; the chairperson's
// leaving ends it.
func (c *conf) signedOut(a *agent) {
	if c.chair == a {
		c.end()
		return
	}
	a.conf = nil
	c.announce(c.remove(c.memberOf(a)), left, 0, signedOut)
}

func (c *conf) remove(m *member) *member {
	c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	return m
}

// end tells every agent in the conference, in the order of page 0472, that it is
// over.
func (c *conf) end() {
	c.over = true
	if c.ending != nil {
		c.warning.Stop()
		c.ending.Stop()
	}
	c.gateway.confs = slices.DeleteFunc(c.gateway.confs, func(other *conf) bool { return other == c })
	for _, m := range c.members {
		switch a := m.agent; {
		case a == nil:
		case a.ringing == c:
			a.ringing = nil
		case a.conf == c:
			a.tellRecordDone()
			a.conf = nil
			a.tell("AgentOther_PhoneRelease", map[string]any{"phoneState": 3})
			a.tell("AgentConf_SelfLeaveResult", confID{c.id})
			a.tell("AgentState_Ready", nil)
		}
	}
}

// tellRecordDone tells a that the record of its part in its conference is done.
func (a *agent) tellRecordDone() {
	a.tell("AgentMediaEvent_StopRecordDone", map[string]any{
		"beginTime": a.conf.began.UnixMilli(), "endTime": time.Now().UnixMilli(), "taskId": "", "fileMediaType": "1",
	})
}

// confInfo is a conference as page 0485 shows it.
type confInfo struct {
	ConfID           int64        `json:"confId"`
	ConfState        int          `json:"confState"`
	StartTime        int64        `json:"startTime"`
	ApplyConfTime    int          `json:"applyConfTime"`
	ConfHaveBeenTime int          `json:"confHaveBeenTime"`
	Addresses        []memberInfo `json:"addresses"`
}

type memberInfo struct {
	address
	ChannelAttrib int   `json:"channelAttrib"`
	ChannelState  int   `json:"channelState"`
	Role          int   `json:"role"`
	EnterTime     int64 `json:"enterTime"`
}

func (c *conf) info() confInfo {
	info := confInfo{
		ConfID: c.id, StartTime: c.began.UnixMilli(), ApplyConfTime: c.minutes,
		ConfHaveBeenTime: int(time.Since(c.began).Minutes()), Addresses: []memberInfo{},
	}
	if c.playing != nil {
		info.ConfState = 1
	}
	for _, m := range c.members {
		if m.joined {
			info.Addresses = append(info.Addresses, c.memberInfo(m))
		}
	}
	return info
}

func (c *conf) memberInfo(m *member) memberInfo {
	info := memberInfo{address: m.address, ChannelAttrib: m.attribute, EnterTime: m.since.UnixMilli()}
	switch {
	case m.held:
		info.ChannelState = 1
	case m.playing != nil:
		info.ChannelState = 2
	}
	if m.agent == c.chair {
		info.Role = 1
	}
	return info
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
