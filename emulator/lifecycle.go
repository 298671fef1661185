package emulator

import (
	"cmp"
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

// require returns "" if ok, and otherwise what is wrong.
func require(ok bool, wrong string) string {
	if ok {
		return ""
	}
	return wrong
}

// firstViolation returns the first of several violations that is not empty.
func firstViolation(faults ...string) string { return cmp.Or(faults...) }

// inRange reports whether n is nil, a member that the body does not have, or from low to
// high.
func inRange(n *int, low, high int) bool { return n == nil || low <= *n && *n <= high }

func valueOr(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

type applicationBody struct {
	MemberNum  int    `json:"memberNum"`  // capacity
	Time       *int   `json:"time"`       // minutes, 60 by default
	PromptTime *int   `json:"promptTime"` // minutes between the warning and the end, 3 by default
	BeepTone   bool   `json:"beepTone"`   // needs a voicePath, the tone
	VoicePath  string `json:"voicePath"`
}

func (b applicationBody) violation() string {
	return firstViolation(
		require(inRange(&b.MemberNum, 1, maxParties), "memberNum is not from 1 to 120"),
		require(inRange(b.Time, 4, maxMinutes), "time is not from 4 to 1440"),
		require(inRange(b.PromptTime, 3, maxMinutes), "promptTime is not from 3 to 1440"),
		require(!b.BeepTone || b.VoicePath != "", "voicePath is missing, which beepTone needs"))
}

// requestAgentConf applies for a conference (page 0468). The conference begins after
// AnswerDelay: retcode 0 says only that the gateway has accepted the application.
func (a *agent) requestAgentConf(b applicationBody) (any, string) {
	if a.conference != nil {
		return nil, alreadyConference
	}
	c := a.newConference(b.MemberNum, valueOr(b.Time, 60), valueOr(b.PromptTime, 3))
	a.emit("AgentState_Busy", nil)
	a.emit("AgentOther_PhoneAlerting", nil)
	c.runAfter(a.gateway.config.AnswerDelay, func() {
		c.begin()
		a.emit("AgentOther_PhoneOffhook", map[string]any{"type": "main"})
		a.emit("AgentConf_SelfJoinResult", confID{c.id})
		a.emit("AgentConf_RequestSuccess", confID{c.id})
	})
	return nil, success
}

// answerAgentConf joins the conference that a is invited to (page 0469).
func (a *agent) answerAgentConf(noBody) (any, string) {
	c := a.invitation
	a.invitation, a.conference = nil, c
	a.emit("AgentState_Busy", nil)
	a.emit("AgentConf_SelfJoinResult", confID{c.id})
	c.admit(c.participantOf(a))
	return nil, success
}

// rejectAgentConf rejects the invitation (page 0470).
func (a *agent) rejectAgentConf(noBody) (any, string) {
	c := a.invitation
	a.invitation = nil
	a.emit("AgentOther_PhoneRelease", map[string]any{"phoneState": phoneReleasedByAgent})
	a.emit("AgentState_Ready", nil)
	c.failInvitation(c.participantOf(a))
	return nil, success
}

// requestLeaveAgentConf leaves the conference. Page 0471 does not list
// AgentState_Ready among its events.
func (a *agent) requestLeaveAgentConf(noBody) (any, string) {
	c := a.conference
	a.emitRecordDone()
	a.leave(phoneReleasedByAgent)
	c.remove(c.participantOf(a), changeLeft, resultDone, reasonByItself)
	return nil, success
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
func (c *conference) releaseAgentConf(noBody) (any, string) {
	c.release()
	return nil, success
}

type prolongBody struct {
	ProlongTime int `json:"prolongTime"` // minutes to add
}

func (b prolongBody) violation() string {
	return require(inRange(&b.ProlongTime, 1, maxMinutes), "prolongTime is not from 1 to 1440")
}

// prolongTime adds minutes, at most up to maxMinutes in total. Its result has the
// minutes that it has added, in a member that the vendor spells applyedTime (page 0475).
func (c *conference) prolongTime(b prolongBody) (any, string) {
	added := min(b.ProlongTime, maxMinutes-c.minutes)
	c.minutes += added
	c.scheduleEnd()
	return map[string]int{"applyedTime": added}, success
}

type shiftBody struct {
	DestAgentNo int `json:"destAgentNo"` // an integer here, and text in paths
}

func (shiftBody) violation() string { return "" } // an impossible ID is that of no participant

// applyToShiftPresident makes another agent the chairperson (page 0476).
func (c *conference) applyToShiftPresident(b shiftBody) (any, string) {
	p := c.joined(address{AddressType: agentNumber, Address: strconv.Itoa(b.DestAgentNo)})
	switch {
	case p == nil:
		return c.gateway.refuse("destAgentNo is no agent that has joined the conference")
	case p.agent == c.chair:
		return nil, alreadyChair
	}
	c.chair = p.agent
	p.agent.emit("AgentConf_PresidentChanged", confID{c.id})
	c.emitChange(p, changeChair, resultDone, reasonNone)
	return nil, success
}

type resizeBody struct {
	ModifyType *int `json:"modifyType"` // 0 increases, 1 decreases
	ModifyNum  int  `json:"modifyNum"`
}

func (b resizeBody) violation() string {
	return firstViolation(
		require(b.ModifyType != nil && inRange(b.ModifyType, 0, 1), "modifyType is not 0 or 1"),
		require(inRange(&b.ModifyNum, 2, 118), "modifyNum is not from 2 to 118"))
}

// modifyConfResource changes the capacity (page 0484).
func (c *conference) modifyConfResource(b resizeBody) (any, string) {
	capacity := c.capacity + b.ModifyNum
	if *b.ModifyType == 1 {
		capacity = c.capacity - b.ModifyNum
	}
	if capacity < len(c.participants) || capacity > maxParties {
		return c.gateway.refuse("modifyNum makes the capacity smaller than the conference, or over 120")
	}
	c.capacity = capacity
	return nil, success
}
