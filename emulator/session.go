package emulator

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// agent is a signed-in agent.
type agent struct {
	gateway *Gateway
	id      string
	guids   []issued // oldest first
	since   time.Time
	conf    *conf // that it is in, or has applied for
	ringing *conf // that it is invited to

	events   []Event
	heldBack *Event        // by a fault, until the next event has passed it
	queued   chan struct{} // closed when an event comes

	polls  int         // under way
	unseen *time.Timer // signs out who is not polled for
}

// issued is a GUID and when it began to be valid.
type issued struct {
	guid string
	at   time.Time
}

// SignIn is what a sign-in says that matters here (page 1202).
type SignIn struct {
	Password string
	Phonenum string
	Status   int // 3 busy, 5 wrap-up, anything else idle
}

// SignIn signs an agent in and returns its GUID. A forced one displaces whoever
// is signed in.
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
	if f := g.refusal("login"); f != nil {
		return "", f.Retcode
	}
	if old := g.agents[agentID]; old != nil {
		if !force {
			return "", alreadySignedIn
		}
		old.events = nil // they were the displaced one's
		g.signOut(old)
	}
	a := &agent{gateway: g, id: agentID, since: time.Now(), queued: make(chan struct{})}
	g.agents[agentID] = a
	g.expectPoll(a)
	a.tell("AgentOther_InService", nil)
	a.tell("AgentState_Ready", nil)
	switch s.Status {
	case 3:
		a.tell("AgentState_SetNotReady_Success", map[string]any{"reason": "1"})
	case 5:
		a.tell("AgentState_Work", nil)
	}
	return g.issue(a), success
}

// SignOut signs an agent out. Without force it fails in a conference.
func (g *Gateway) SignOut(agentID, guid string, force bool) (retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(agentID, guid)
	if retcode != success {
		return retcode
	}
	if a.conf != nil && !force {
		return wrongState
	}
	a.tell("AgentOther_ShutdownService", map[string]any{"loginTime": strconv.FormatInt(a.since.UnixMilli(), 10)})
	g.signOut(a)
	return success
}

func (g *Gateway) signOut(a *agent) {
	delete(g.agents, a.id)
	if c := a.ringing; c != nil {
		a.ringing = nil
		c.announce(c.remove(c.memberOf(a)), joined, 1, noReason)
	}
	if a.conf != nil {
		a.conf.signedOut(a)
	}
	if a.unseen != nil {
		a.unseen.Stop()
	}
	close(a.queued) // a poll that is waiting finds out
	a.queued = make(chan struct{})
}

// expectPoll gives the client of a its time to poll, beginning now.
func (g *Gateway) expectPoll(a *agent) {
	if g.config.SignOutAfter == 0 {
		return
	}
	if a.unseen == nil {
		a.unseen = time.AfterFunc(g.config.SignOutAfter, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.agents[a.id] == a && a.polls == 0 {
				g.signOut(a)
			}
		})
		return
	}
	a.unseen.Reset(g.config.SignOutAfter)
}

// Handshake keeps an agent signed in and returns a new GUID when it is time for
// one.
func (g *Gateway) Handshake(agentID, guid string) (newGUID, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(agentID, guid)
	if retcode != success {
		return "", retcode
	}
	g.expectPoll(a)
	return g.rotate(a), success
}

// UpdateGUID returns a new GUID (page 1225).
func (g *Gateway) UpdateGUID(agentID, guid string) (newGUID, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(agentID, guid)
	if retcode != success {
		return "", retcode
	}
	return g.issue(a), success
}

// ResetSkill accepts whatever skills there are.
func (g *Gateway) ResetSkill(agentID, guid string) (retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, retcode = g.authenticate(agentID, guid)
	return retcode
}

// authenticate returns the agent whose GUID it is.
func (g *Gateway) authenticate(agentID, guid string) (*agent, string) {
	a := g.agents[agentID]
	if a == nil {
		return nil, notSignedIn
	}
	for _, i := range a.guids {
		expired := g.config.AuthMode == DynamicGUID && time.Since(i.at) >= g.config.GUIDTimeout
		if i.guid == guid && !expired {
			return a, success
		}
	}
	return nil, noRight
}

// issue makes a new GUID of a valid: a UUID, a dot and the name of the node.
func (g *Gateway) issue(a *agent) string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, variant 1
	guid := fmt.Sprintf("%x-%x-%x-%x-%x.%s", b[:4], b[4:6], b[6:8], b[8:10], b[10:], g.config.Node)
	a.guids = append(a.guids, issued{guid, time.Now()})
	return guid
}

// rotate replaces the GUID of a if it is old enough, and forgets the expired.
func (g *Gateway) rotate(a *agent) (newGUID string) {
	newest := a.guids[len(a.guids)-1]
	if g.config.AuthMode != DynamicGUID || time.Since(newest.at) < g.config.GUIDInterval {
		return ""
	}
	for time.Since(a.guids[0].at) >= g.config.GUIDTimeout && len(a.guids) > 1 {
		a.guids = a.guids[1:]
	}
	return g.issue(a)
}

func (g *Gateway) inspects(a *agent) bool { return slices.Contains(g.config.Inspectors, a.id) }
