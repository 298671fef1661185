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
	signIn     SignIn
	node       string
	guids      []issuedGUID // oldest first
	signedInAt time.Time
	conference *conference // the agent is in it or has applied for it
	invitation *conference // the agent is invited to it

	queue     []queuedEvent
	overtaken *queuedEvent  // event that a fault holds back until after the next one
	changed   chan struct{} // closes when the queue or the session changes

	activePolls int         // while one waits, the agent is not signed out
	pollTimeout *time.Timer // signs the agent out; nil if SignOutAfter is negative
}

// SignIn has the fields of a sign-in that the emulator uses (page 1202).
type SignIn struct {
	Password string // at most 32 bytes; any is correct unless the agent has an Account
	Phonenum string // 1 to 24 bytes
	Status   int    // state after the sign-in: 3 busy, 5 wrap-up, any other number idle

	// PushURL receives each event as the envelope of a poll. CallBackURI with ServiceToken
	// receives events by the form of page 1275. Without either, the agent polls. A goroutine pushes
	// until the session ends.
	PushURL, CallBackURI, ServiceToken string
}

// SignIn signs an agent in and returns its GUID. With force, it ends an existing
// session of the agent. It fails with 000-002 for an agent ID outside 101 to 999999,
// with 100-001 for a value that SignIn does not allow, and with 100-002 if the agent is
// signed in and force is not set.
func (g *Gateway) SignIn(agentID string, s SignIn, force bool) (guid, retcode string) {
	operation := "login"
	if force {
		operation = "forceLogin"
	}
	return g.signIn(g.methodRequest(operation, agentID, "", nil), s, force)
}

// signIn executes a sign-in.
func (g *Gateway) signIn(q *request, s SignIn, force bool) (guid, retcode string) {
	_, retcode = g.run(q, func() (any, string) {
		if retcode := g.checkSignIn(q.agentID, s); retcode != success {
			return nil, retcode
		}
		if old := g.agents[q.agentID]; old != nil {
			if !force {
				return nil, alreadySignedIn
			}
			old.queue = nil // the new session does not inherit events
			g.endSession(old)
		}
		a := g.newSession(q.agentID, s, q.node)
		guid = g.issueGUID(a)
		a.startPush()
		a.emitSignedIn(s.Status)
		return nil, success
	})
	return guid, retcode
}

// checkSignIn returns the retcode for the fields of a sign-in, and for its password.
func (g *Gateway) checkSignIn(agentID string, s SignIn) (retcode string) {
	switch {
	case !isAgentID(agentID):
		g.wrong = "the agent ID in the path is not a number from 101 to 999999"
		return badArgument
	case g.wrong != "": // the body could not be read
		return badSignIn
	case s.Phonenum == "" || len(s.Phonenum) > 24:
		g.wrong = "phonenum has not 1 to 24 bytes"
		return badSignIn
	case len(s.Password) > 32:
		g.wrong = "password has over 32 bytes"
		return badSignIn
	}
	return g.checkPassword(agentID, s.Password)
}

func isAgentID(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= agentIDMin && n <= agentIDMax
}

// newSession creates the session of an agent at a node, or at the next one.
func (g *Gateway) newSession(agentID string, s SignIn, node string) *agent {
	if node == "" {
		node = g.nextNode()
	}
	a := &agent{
		gateway: g, id: agentID, signIn: s, node: node, signedInAt: time.Now(), changed: make(chan struct{}),
	}
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
// agent is not signed in, and with Config.StaleGUID if the GUID is wrong or has expired.
func (g *Gateway) SignOut(agentID, guid string, force bool) (retcode string) {
	operation := "logout"
	if force {
		operation = "forceLogout"
	}
	return g.signOut(g.methodRequest(operation, agentID, guid, nil), force)
}

func (g *Gateway) signOut(q *request, force bool) (retcode string) {
	_, retcode = g.run(q, func() (any, string) {
		if q.refusal != "" {
			return nil, badSignOut
		}
		a, retcode := g.authenticate(q)
		if retcode != success {
			return nil, retcode
		}
		if a.conference != nil && !force {
			return nil, wrongState
		}
		a.signOut()
		return nil, success
	})
	return retcode
}

// signOut ends the session of a with its last event.
func (a *agent) signOut() {
	a.emit("AgentOther_ShutdownService", map[string]any{"loginTime": a.loginTime()})
	a.gateway.endSession(a)
}

func (a *agent) loginTime() string { return strconv.FormatInt(a.signedInAt.UnixMilli(), 10) }

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
	newGUID, _, retcode = g.keepAlive(g.methodRequest("handshake", agentID, guid, nil))
	return newGUID, retcode
}

// keepAlive executes a handshake or a heartbeat. loginTime is the time of the sign-in.
func (g *Gateway) keepAlive(q *request) (newGUID, loginTime, retcode string) {
	_, retcode = g.run(q, func() (any, string) {
		a, retcode := g.authenticate(q)
		if retcode == success {
			g.restartPollTimeout(a)
			newGUID, loginTime = g.rotateGUID(a), a.loginTime()
		}
		return nil, retcode
	})
	return newGUID, loginTime, retcode
}

// UpdateGUID issues a new GUID (page 1225). The older ones stay valid.
func (g *Gateway) UpdateGUID(agentID, guid string) (newGUID, retcode string) {
	return g.updateGUID(g.methodRequest("updateGuid", agentID, guid, nil))
}

func (g *Gateway) updateGUID(q *request) (newGUID, retcode string) {
	_, retcode = g.run(q, func() (any, string) {
		a, retcode := g.authenticate(q)
		if retcode == success {
			newGUID = g.issueGUID(a)
		}
		return nil, retcode
	})
	return newGUID, retcode
}

// ResetSkill accepts any skills and ignores them (page 1209).
func (g *Gateway) ResetSkill(agentID, guid string) (retcode string) {
	return g.authenticateOnly(g.methodRequest("resetSkill", agentID, guid, nil))
}

// authenticateOnly executes an operation that has no effect on the emulator.
func (g *Gateway) authenticateOnly(q *request) (retcode string) {
	_, retcode = g.run(q, func() (any, string) {
		_, retcode := g.authenticate(q)
		return nil, retcode
	})
	return retcode
}

func (a *agent) isInspector() bool { return slices.Contains(a.gateway.config.Inspectors, a.id) }
