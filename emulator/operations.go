package emulator

import (
	"slices"
	"strconv"
	"time"
)

// maxMinutes is the longest that a conference lasts (page 0475).
const maxMinutes = 1440

type applyBody struct {
	MemberNum  int    `json:"memberNum"`
	Time       *int   `json:"time"`
	PromptTime *int   `json:"promptTime"`
	BeepTone   bool   `json:"beepTone"`
	VoicePath  string `json:"voicePath"`
}

func between(n *int, low, high int) bool { return n == nil || low <= *n && *n <= high }

func orElse(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

// requestAgentConf applies for a conference (page 0468). What follows comes after
// AnswerDelay, when the chairperson's phone is answered.
func (g *Gateway) requestAgentConf(a *agent, b applyBody) string {
	switch {
	case !between(&b.MemberNum, 1, maxParties), !between(b.Time, 4, maxMinutes), !between(b.PromptTime, 3, maxMinutes),
		b.BeepTone && b.VoicePath == "":
		return badArgument
	case a.conf != nil:
		return alreadyConference
	}
	g.lastConf++
	c := &conf{
		gateway: g, id: g.lastConf, chair: a, capacity: b.MemberNum,
		minutes: orElse(b.Time, 60), prompt: orElse(b.PromptTime, 3),
	}
	c.members = []*member{{address: address{AddressType: agentNumber, Address: a.id}, agent: a}}
	a.conf = c
	g.confs = append(g.confs, c)
	a.tell("AgentState_Busy", nil)
	a.tell("AgentOther_PhoneAlerting", nil)
	g.later(c, func() {
		c.start()
		a.tell("AgentOther_PhoneOffhook", map[string]any{"type": "main"})
		a.tell("AgentConf_SelfJoinResult", confID{c.id})
		a.tell("AgentConf_RequestSuccess", confID{c.id})
	})
	return success
}

// later runs f after AnswerDelay, unless c is over by then.
func (g *Gateway) later(c *conf, f func()) { g.after(c, g.config.AnswerDelay, f) }

func (g *Gateway) after(c *conf, delay time.Duration, f func()) *time.Timer {
	return time.AfterFunc(delay, func() {
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

// rejectAgentConf rejects the invitation (page 0470).
func (g *Gateway) rejectAgentConf(a *agent) string {
	c := a.ringing
	if c == nil {
		return noConference
	}
	a.ringing = nil
	a.tell("AgentOther_PhoneRelease", map[string]any{"phoneState": 2})
	a.tell("AgentState_Ready", nil)
	c.announce(c.remove(c.memberOf(a)), joined, 1, noReason)
	return success
}

// requestLeaveAgentConf leaves the conference (page 0471), whose list of events
// has no AgentState_Ready.
func (g *Gateway) requestLeaveAgentConf(a *agent) string {
	switch {
	case a.conf == nil, !a.conf.ready:
		return noConference
	case a.conf.chair == a:
		return leavingChair
	}
	c := a.conf
	a.tellRecordDone()
	a.conf = nil
	a.tell("AgentOther_PhoneRelease", map[string]any{"phoneState": 2})
	a.tell("AgentConf_SelfLeaveResult", confID{c.id})
	c.announce(c.remove(c.memberOf(a)), left, 0, byItself)
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

type prolongBody struct {
	ProlongTime int `json:"prolongTime"`
}

// prolongTime adds minutes, as many as keep the whole within bounds (page 0475).
func (g *Gateway) prolongTime(a *agent, b prolongBody) (any, string) {
	c, retcode := chaired(a)
	switch {
	case retcode != success:
		return nil, retcode
	case !between(&b.ProlongTime, 1, maxMinutes):
		return nil, badArgument
	}
	added := min(b.ProlongTime, maxMinutes-c.minutes)
	c.minutes += added
	c.schedule()
	return map[string]int{"applyedTime": added}, success
}

type shiftBody struct {
	DestAgentNo int `json:"destAgentNo"`
}

// applyToShiftPresident makes another agent the chairperson (page 0476).
func (g *Gateway) applyToShiftPresident(a *agent, b shiftBody) string {
	c, retcode := chaired(a)
	if retcode != success {
		return retcode
	}
	m := c.find(address{AddressType: agentNumber, Address: strconv.Itoa(b.DestAgentNo)})
	switch {
	case m != nil && m.agent == a:
		return alreadyChair
	case m == nil, !m.joined:
		return badArgument
	}
	c.chair = m.agent
	m.agent.tell("AgentConf_PresidentChanged", confID{c.id})
	c.announce(m, chairChanged, 0, noReason)
	return success
}

type resizeBody struct {
	ModifyType *int `json:"modifyType"`
	ModifyNum  int  `json:"modifyNum"`
}

// modifyConfResource changes the capacity (page 0484).
func (g *Gateway) modifyConfResource(a *agent, b resizeBody) string {
	c, retcode := chaired(a)
	switch {
	case retcode != success:
		return retcode
	case b.ModifyType == nil, !between(b.ModifyType, 0, 1), !between(&b.ModifyNum, 2, 118):
		return badArgument
	}
	capacity := c.capacity + b.ModifyNum
	if *b.ModifyType == 1 {
		capacity = c.capacity - b.ModifyNum
	}
	if capacity < len(c.members) || capacity > maxParties {
		return badArgument
	}
	c.capacity = capacity
	return success
}

type queryBody struct {
	ConfIDs []int64 `json:"confIds"`
}

// queryConfInfos tells an inspector of any conference, others of their own (page
// 0485).
func (g *Gateway) queryConfInfos(a *agent, b queryBody) (any, string) {
	switch {
	case len(b.ConfIDs) < 1, len(b.ConfIDs) > 20:
		return nil, badArgument
	case a.conf == nil && !g.inspects(a):
		return nil, noConference
	}
	found := []confInfo{}
	for _, c := range g.confs {
		if c.ready && slices.Contains(b.ConfIDs, c.id) && (a.conf == c || g.inspects(a)) {
			found = append(found, c.info())
		}
	}
	return map[string]any{"confs": found}, success
}

// queryAllConfIds lists the conferences for an inspector (page 0486).
func (g *Gateway) queryAllConfIds(a *agent) (any, string) {
	if !g.inspects(a) {
		return nil, notInspector
	}
	ids := []int64{}
	for _, c := range g.confs {
		if c.ready {
			ids = append(ids, c.id)
		}
	}
	return map[string]any{"confIds": ids}, success
}
