package emulator

import (
	"strconv"
	"time"
)

// maxMinutes is the longest length of a conference (page 0475).
const maxMinutes = 1440

// Values of phoneState in AgentOther_PhoneRelease (page 1396).
const (
	phoneReleasedByAgent    = 2
	phoneReleasedByPlatform = 3
)

// inRange reports whether n is nil or from low to high.
func inRange(n *int, low, high int) bool { return n == nil || low <= *n && *n <= high }

func valueOr(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

// chairedBy returns the conference whose chairperson is a.
func chairedBy(a *agent) (*conference, string) {
	switch {
	case a.conference == nil, !a.conference.begun:
		return nil, noConference
	case a.conference.chair != a:
		return nil, notChairperson
	}
	return a.conference, success
}

type applicationBody struct {
	MemberNum  int    `json:"memberNum"`
	Time       *int   `json:"time"`
	PromptTime *int   `json:"promptTime"`
	BeepTone   bool   `json:"beepTone"`
	VoicePath  string `json:"voicePath"`
}

func (b applicationBody) valid() bool {
	return inRange(&b.MemberNum, 1, maxParties) && inRange(b.Time, 4, maxMinutes) &&
		inRange(b.PromptTime, 3, maxMinutes) && (!b.BeepTone || b.VoicePath != "")
}

// requestAgentConf applies for a conference (page 0468). The conference begins after
// AnswerDelay.
func (g *Gateway) requestAgentConf(a *agent, b applicationBody) string {
	switch {
	case !b.valid():
		return badArgument
	case a.conference != nil:
		return alreadyConference
	}
	c := g.newConference(a, b.MemberNum, valueOr(b.Time, 60), valueOr(b.PromptTime, 3))
	a.emit("AgentState_Busy", nil)
	a.emit("AgentOther_PhoneAlerting", nil)
	c.runAfter(g.config.AnswerDelay, func() {
		c.begin()
		a.emit("AgentOther_PhoneOffhook", map[string]any{"type": "main"})
		a.emit("AgentConf_SelfJoinResult", confID{c.id})
		a.emit("AgentConf_RequestSuccess", confID{c.id})
	})
	return success
}

// answerAgentConf joins the conference that a is invited to (page 0469).
func (g *Gateway) answerAgentConf(a *agent) string {
	c := a.invitation
	if c == nil {
		return noConference
	}
	a.invitation, a.conference = nil, c
	a.emit("AgentState_Busy", nil)
	a.emit("AgentConf_SelfJoinResult", confID{c.id})
	p := c.participantOf(a)
	p.join()
	c.emitChange(p, changeJoined, resultDone, reasonNone)
	return success
}

// rejectAgentConf rejects the invitation (page 0470).
func (g *Gateway) rejectAgentConf(a *agent) string {
	c := a.invitation
	if c == nil {
		return noConference
	}
	a.invitation = nil
	a.emit("AgentOther_PhoneRelease", map[string]any{"phoneState": phoneReleasedByAgent})
	a.emit("AgentState_Ready", nil)
	c.failInvitation(c.participantOf(a))
	return success
}

// requestLeaveAgentConf leaves the conference. Page 0471 does not list
// AgentState_Ready among its events.
func (g *Gateway) requestLeaveAgentConf(a *agent) string {
	c := a.conference
	switch {
	case c == nil, !c.begun:
		return noConference
	case c.chair == a:
		return leavingChair
	}
	a.emitRecordDone()
	a.leave(phoneReleasedByAgent)
	c.remove(c.participantOf(a), changeLeft, resultDone, reasonByItself)
	return success
}

// leave takes a out of its conference and emits the two events of every exit.
func (a *agent) leave(phoneState int) {
	c := a.conference
	a.conference = nil
	a.emit("AgentOther_PhoneRelease", map[string]any{"phoneState": phoneState})
	a.emit("AgentConf_SelfLeaveResult", confID{c.id})
}

// emitRecordDone emits the end of the recording of a in its conference (page 0531).
func (a *agent) emitRecordDone() {
	a.emit("AgentMediaEvent_StopRecordDone", map[string]any{
		"beginTime": a.conference.beganAt.UnixMilli(), "endTime": time.Now().UnixMilli(),
		"taskId": "", "fileMediaType": "1",
	})
}

// releaseAgentConf ends the conference (page 0472).
func (g *Gateway) releaseAgentConf(a *agent) string {
	c, retcode := chairedBy(a)
	if retcode != success {
		return retcode
	}
	c.release()
	return success
}

type prolongBody struct {
	ProlongTime int `json:"prolongTime"`
}

// prolongTime adds minutes, at most up to maxMinutes in total (page 0475).
func (g *Gateway) prolongTime(a *agent, b prolongBody) (any, string) {
	c, retcode := chairedBy(a)
	switch {
	case retcode != success:
		return nil, retcode
	case !inRange(&b.ProlongTime, 1, maxMinutes):
		return nil, badArgument
	}
	added := min(b.ProlongTime, maxMinutes-c.minutes)
	c.minutes += added
	c.scheduleEnd()
	return map[string]int{"applyedTime": added}, success
}

type shiftBody struct {
	DestAgentNo int `json:"destAgentNo"`
}

// applyToShiftPresident makes another agent the chairperson (page 0476).
func (g *Gateway) applyToShiftPresident(a *agent, b shiftBody) string {
	c, retcode := chairedBy(a)
	if retcode != success {
		return retcode
	}
	p := c.find(address{AddressType: agentNumber, Address: strconv.Itoa(b.DestAgentNo)})
	switch {
	case p != nil && p.agent == a:
		return alreadyChair
	case p == nil, !p.joined:
		return badArgument
	}
	c.chair = p.agent
	p.agent.emit("AgentConf_PresidentChanged", confID{c.id})
	c.emitChange(p, changeChair, resultDone, reasonNone)
	return success
}

type resizeBody struct {
	ModifyType *int `json:"modifyType"`
	ModifyNum  int  `json:"modifyNum"`
}

func (b resizeBody) valid() bool {
	return b.ModifyType != nil && inRange(b.ModifyType, 0, 1) && inRange(&b.ModifyNum, 2, 118)
}

// modifyConfResource changes the capacity (page 0484).
func (g *Gateway) modifyConfResource(a *agent, b resizeBody) string {
	c, retcode := chairedBy(a)
	switch {
	case retcode != success:
		return retcode
	case !b.valid():
		return badArgument
	}
	capacity := c.capacity + b.ModifyNum
	if *b.ModifyType == 1 {
		capacity = c.capacity - b.ModifyNum
	}
	if capacity < len(c.participants) || capacity > maxParties {
		return badArgument
	}
	c.capacity = capacity
	return success
}
