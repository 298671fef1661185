package emulator

import (
	"slices"
	"time"
)

type queryBody struct {
	ConfIDs []int64 `json:"confIds"`
}

func (b queryBody) violation() string {
	return require(0 < len(b.ConfIDs) && len(b.ConfIDs) <= 20, "confIds has not 1 to 20 members")
}

// queryConfInfos returns the state of conferences: of any to an inspector, of its own to
// another agent. It leaves out an ID that is unknown or not the agent's: the vendor's
// example asks for two and gets one (page 0485).
func (a *agent) queryConfInfos(b queryBody) (any, string) {
	if a.conference == nil && !a.isInspector() {
		return nil, noConference
	}
	found := []confInfo{} // not nil, which would be null in JSON
	for _, c := range a.gateway.conferences {
		if c.begun && slices.Contains(b.ConfIDs, c.id) && (a.conference == c || a.isInspector()) {
			found = append(found, c.info())
		}
	}
	return map[string]any{"confs": found}, success
}

// queryAllConfIds returns the IDs of all conferences (page 0486).
func (a *agent) queryAllConfIds(noBody) (any, string) {
	ids := []int64{}
	for _, c := range a.gateway.conferences {
		if c.begun {
			ids = append(ids, c.id)
		}
	}
	return map[string]any{"confIds": ids}, success
}

// confInfo is the state of a conference (page 0485). Times of day are in milliseconds
// since 1970.
type confInfo struct {
	ConfID           int64             `json:"confId"`
	ConfState        int               `json:"confState"` // 0 normal, 1 an announcement is playing
	StartTime        int64             `json:"startTime"`
	ApplyConfTime    int               `json:"applyConfTime"`    // minutes
	ConfHaveBeenTime int               `json:"confHaveBeenTime"` // minutes
	Addresses        []participantInfo `json:"addresses"`
}

// participantInfo is the state of a participant (page 0485).
type participantInfo struct {
	address
	ChannelAttrib int   `json:"channelAttrib"` // 1 listens, 2 speaks, 3 both; page 0485 has no 4
	ChannelState  int   `json:"channelState"`  // 0 talking, 1 held, 2 an announcement is playing
	Role          int   `json:"role"`          // 0 participant, 1 chairperson
	EnterTime     int64 `json:"enterTime"`
}

func (c *conference) info() confInfo {
	info := confInfo{
		ConfID: c.id, StartTime: c.beganAt.UnixMilli(), ApplyConfTime: c.minutes,
		ConfHaveBeenTime: int(time.Since(c.beganAt).Minutes()), Addresses: []participantInfo{},
	}
	if c.announcement != nil {
		info.ConfState = 1
	}
	for _, p := range c.participants {
		if p.joined {
			info.Addresses = append(info.Addresses, c.participantInfo(p))
		}
	}
	return info
}

// participantInfo returns the state of a joined participant. Being held takes precedence
// over an announcement; the documentation gives no order.
func (c *conference) participantInfo(p *participant) participantInfo {
	info := participantInfo{address: p.address, ChannelAttrib: p.attribute, EnterTime: p.joinedAt.UnixMilli()}
	switch {
	case p.held():
		info.ChannelState = 1
	case p.announcement != nil:
		info.ChannelState = 2
	}
	if p.agent == c.chair {
		info.Role = 1
	}
	return info
}
