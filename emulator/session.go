package emulator

import (
	"slices"
	"strconv"
	"time"
)

// Limits of agent IDs. The upper limit of older gateways is 59999.
const (
	agentIDMin = 101
	agentIDMax = 999999
)

// agent is the session of a signed-in agent. After the session has ended, polls and timers
// may still hold it; they compare it with the agent in Gateway.agents.
type agent struct {
	gateway    *Gateway
	id         string
	guids      []issuedGUID // oldest first
	signedInAt time.Time
	conference *conference // the agent is in it or has applied for it
	invitation *conference // the agent is invited to it

	queue     []Event
	overtaken *Event        // event that a fault holds back until after the next one
	changed   chan struct{} // closes when the queue or the session changes

	activePolls int         // while one waits, the agent is not signed out
	pollTimeout *time.Timer // signs the agent out; nil if SignOutAfter is negative
}

// SignIn has the fields of a sign-in that the emulator uses (page 1202).
type SignIn struct {
	Password string // any password of at most 32 bytes is correct
	Phonenum string // 1 to 24 bytes
	Status   int    // state after the sign-in: 3 busy, 5 wrap-up, any other number idle
}

// SignIn signs an agent in and returns its GUID. With force, it ends an existing
// session of the agent. It fails with 000-002 for an agent ID outside 101 to 999999,
// with 100-001 for a value that SignIn does not allow, and with 100-002 if the agent is
// signed in and force is not set.
func (g *Gateway) SignIn(agentID string, s SignIn, force bool) (guid, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, err := strconv.Atoi(agentID)
	if err != nil || n < agentIDMin || n > agentIDMax {
		return "", badArgument
	}
	if s.Phonenum == "" || len(s.Phonenum) > 24 || len(s.Password) > 32 {
		return "", badSignIn
	}
	if f := g.takeRetcodeFault("login"); f != nil {
		return "", f.Retcode
	}
	if old := g.agents[agentID]; old != nil {
		if !force {
			return "", alreadySignedIn
		}
		old.queue = nil // the new session does not inherit events
		g.endSession(old)
	}
	a := g.newSession(agentID)
	a.emitSignedIn(s.Status)
	return g.issueGUID(a), success
}

func (g *Gateway) newSession(agentID string) *agent {
	a := &agent{gateway: g, id: agentID, signedInAt: time.Now(), changed: make(chan struct{})}
	g.agents[agentID] = a
	g.restartPollTimeout(a)
	return a
}

func (a *agent) emitSignedIn(status int) {
	a.emit("AgentOther_InService", nil)
	a.emit("AgentState_Ready", nil)
	switch status {
	case 3:
		a.emit("AgentState_SetNotReady_Success", map[string]any{"reason": "1"})
	case 5:
		a.emit("AgentState_Work", nil)
	}
}

// SignOut signs an agent out (pages 1219 and 1220). Without force, it fails in a
// conference, with 100-010. Like every method with a GUID, it fails with 100-006 if the
// agent is not signed in, and with 000-003 if the GUID is wrong or has expired.
func (g *Gateway) SignOut(agentID, guid string, force bool) (retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(agentID, guid)
	if retcode != success {
		return retcode
	}
	if a.conference != nil && !force {
		return wrongState
	}
	loginTime := strconv.FormatInt(a.signedInAt.UnixMilli(), 10)
	a.emit("AgentOther_ShutdownService", map[string]any{"loginTime": loginTime})
	g.endSession(a)
	return success
}

// endSession takes a out of its conference and ends its polls. Events that are already in
// the queue reach them first.
func (g *Gateway) endSession(a *agent) {
	delete(g.agents, a.id)
	if c := a.invitation; c != nil {
		a.invitation = nil
		c.failInvitation(c.participantOf(a))
	}
	if a.conference != nil {
		a.conference.removeSignedOut(a)
	}
	if a.pollTimeout != nil {
		a.pollTimeout.Stop()
	}
	a.wakePolls()
}

// restartPollTimeout starts the time anew in which the client of a must poll. A poll that
// waits when the time ends keeps the agent signed in; its end starts the time anew.
func (g *Gateway) restartPollTimeout(a *agent) {
	if g.config.SignOutAfter < 0 {
		return
	}
	if a.pollTimeout != nil {
		a.pollTimeout.Reset(g.config.SignOutAfter)
		return
	}
	a.pollTimeout = time.AfterFunc(g.config.SignOutAfter, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.agents[a.id] == a && a.activePolls == 0 {
			g.endSession(a)
		}
	})
}

// Handshake keeps an agent signed in (page 1204). newGUID is empty unless the
// handshake has replaced the GUID.
func (g *Gateway) Handshake(agentID, guid string) (newGUID, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(agentID, guid)
	if retcode != success {
		return "", retcode
	}
	g.restartPollTimeout(a)
	return g.rotateGUID(a), success
}

// UpdateGUID issues a new GUID (page 1225). The older ones stay valid.
func (g *Gateway) UpdateGUID(agentID, guid string) (newGUID, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(agentID, guid)
	if retcode != success {
		return "", retcode
	}
	return g.issueGUID(a), success
}

// ResetSkill accepts any skills and ignores them (page 1209).
func (g *Gateway) ResetSkill(agentID, guid string) (retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, retcode = g.authenticate(agentID, guid)
	return retcode
}

func (a *agent) isInspector() bool { return slices.Contains(a.gateway.config.Inspectors, a.id) }
