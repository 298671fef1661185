// Package emulator is a CC-Gateway in memory, for those who have none: it signs
// agents in, holds conferences and delivers events, with the retcodes and the
// order of events that the documentation gives. No call is made and no tone is
// played.
//
// Where the documentation is silent the emulator has to choose. It chooses:
//
//   - A chair operation between an accepted requestagentconf and the event
//     AgentConf_RequestSuccess fails with 101-001.
//   - AgentConf_ParticipantChanged goes to every agent in the conference, the
//     chairperson and the participant themselves included.
//   - Holding somebody who is held, or unholding somebody who is not, fails with
//     100-007; naming somebody who is not in the conference, or inviting more
//     than it has room for, with 000-002.
//   - An agent who cannot be invited (not signed in, or busy) is announced like
//     every failed invitation: changeType 0 with result 1.
//   - logout in a conference fails with 100-010. forcelogout, and a forced
//     sign-in, leave the conference first; the chairperson's ends it.
//   - A GUID that was replaced stays valid until its own lifetime is over.
//   - Reading an event removes it: there is no acknowledgement.
package emulator

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// The retcodes that the emulator answers (page 0580).
const (
	success           = "0"
	badArgument       = "000-002"
	noRight           = "000-003"
	badSignIn         = "100-001"
	alreadySignedIn   = "100-002"
	notSignedIn       = "100-006"
	exception         = "100-007"
	wrongState        = "100-010"
	noConference      = "101-001"
	notChairperson    = "101-002"
	alreadyConference = "101-003"
)

// The agent IDs that may sign in; newer gateways have the higher limit.
const (
	agentIDMin = 101
	agentIDMax = 999999
)

// pollWait is how long a poll waits for an event (page 1274).
const pollWait = 10 * time.Second

// Authentication modes (page 0005).
const (
	StaticGUID  = 1 // the GUID of the sign-in stays
	DynamicGUID = 2 // polls replace it
)

// Config is how the emulated gateway is set up. The names in brackets are those
// of its own configuration.
type Config struct {
	AuthMode     int           // StaticGUID or DynamicGUID [AUTHMODE]
	GUIDInterval time.Duration // a poll replaces a GUID of this age [GUIDINTERVAL]
	GUIDTimeout  time.Duration // a GUID is valid for this long [GUIDTIMEOUT]

	// Node is the name of the node that this gateway is, as its GUIDs end in it.
	Node string

	// AnswerDelay is how long a phone rings until it is answered, and an
	// application for a conference takes.
	AnswerDelay time.Duration
}

// Gateway is the state of an emulated CC-Gateway. It is safe for concurrent use.
type Gateway struct {
	config Config

	mu       sync.Mutex
	agents   map[string]*agent // the signed-in ones, by agent ID
	lastConf int64
	log      []LogEntry
}

// New returns a gateway at which nobody is signed in.
func New(config Config) *Gateway {
	return &Gateway{config: config, agents: map[string]*agent{}, lastConf: 1029887}
}

// agent is a signed-in agent.
type agent struct {
	id      string
	guids   []issued // oldest first
	events  []Event
	queued  chan struct{} // closed when an event comes
	conf    *conf         // that it is in, or has applied for
	ringing *conf         // that it is invited to
}

// issued is a GUID and when it began to be valid.
type issued struct {
	guid string
	at   time.Time
}

// SignIn signs an agent in and returns its GUID. A forced one displaces whoever
// is signed in.
func (g *Gateway) SignIn(agentID, password string, force bool) (guid, retcode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, err := strconv.Atoi(agentID)
	if err != nil || n < agentIDMin || n > agentIDMax {
		return "", badArgument
	}
	if password == "" {
		return "", badSignIn
	}
	if old := g.agents[agentID]; old != nil {
		if !force {
			return "", alreadySignedIn
		}
		g.signOut(old)
	}
	a := &agent{id: agentID, queued: make(chan struct{})}
	g.agents[agentID] = a
	a.tell("AgentOther_InService", nil)
	a.tell("AgentState_Ready", nil)
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
	g.signOut(a)
	return success
}

func (g *Gateway) signOut(a *agent) {
	delete(g.agents, a.id)
	if c := a.ringing; c != nil {
		a.ringing = nil
		c.announce(c.remove(a), joined, 1, noReason)
	}
	if a.conf != nil {
		a.conf.leave(a)
	}
	close(a.queued) // a poll that is waiting finds out
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
