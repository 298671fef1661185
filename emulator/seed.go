package emulator

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"agentconf/emulator/fault"
)

// Seed is a state to start from. A test does not have to reach it by requests, and no event
// comes from it.
type Seed struct {
	Accounts    []Account        `json:"accounts,omitempty"`
	Agents      []SeedAgent      `json:"agents,omitempty"`
	Conferences []SeedConference `json:"conferences,omitempty"`
	Scenario    []Rule           `json:"scenario,omitempty"`
	Faults      []fault.Fault    `json:"faults,omitempty"`
}

// SeedAgent is a signed-in agent.
type SeedAgent struct {
	AgentID  string `json:"agentId"`
	Phonenum string `json:"phonenum,omitempty"` // default: the agent ID
	Status   int    `json:"status,omitempty"`   // 3 busy, 5 wrap-up, any other number idle
	GUID     string `json:"guid,omitempty"`     // default: a new one
	PushURL  string `json:"pushUrl,omitempty"`
}

// SeedConference is a conference that has begun.
type SeedConference struct {
	Chair        string            `json:"chair"`              // a signed-in agent
	Capacity     int               `json:"capacity,omitempty"` // default: 120
	Minutes      int               `json:"minutes,omitempty"`  // length. Default: 60
	Participants []SeedParticipant `json:"participants,omitempty"`
}

// SeedParticipant is a participant other than the chairperson.
type SeedParticipant struct {
	AddressType string `json:"addressType"`
	Address     string `json:"address"`
	State       string `json:"state,omitempty"`     // talking (the default), held or ringing
	Mode        int    `json:"mode,omitempty"`      // 1 to 4; 1 is muted. Default: 3
	VoicePath   string `json:"voicePath,omitempty"` // the announcement of a hold
}

// defaultHoldVoice is the announcement of the vendor's example (page 0473).
const defaultHoldVoice = "y:/conf/120/1136287.V3"

// NewSeeded returns a gateway with a state, to which Reset returns.
func NewSeeded(config Config, seed Seed) (*Gateway, error) {
	g := New(config)
	if err := g.Seed(seed); err != nil {
		return nil, err
	}
	g.start = seed
	return g, nil
}

// Seed adds a state. If a part of it is wrong, Seed adds nothing.
func (g *Gateway) Seed(s Seed) error {
	var added []string // IDs of faults
	err := func() error {
		for i, f := range s.Faults {
			set, err := g.faults.Add(f)
			if err != nil {
				return fmt.Errorf("fault %d: %w", i+1, err)
			}
			added = append(added, set.ID)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.seed(&s)
	}()
	if err != nil {
		for _, id := range added {
			g.faults.Remove(id)
		}
	}
	return err
}

// seed adds all of s but its faults. It needs the lock.
func (g *Gateway) seed(s *Seed) error {
	if err := g.checkSeed(s); err != nil {
		return err
	}
	if err := g.addRules(s.Scenario); err != nil {
		return err
	}
	g.applySeed(s)
	g.recordControl("seed", "", nil)
	return nil
}

// checkSeed returns an error for accounts, agents and conferences that cannot be.
func (g *Gateway) checkSeed(s *Seed) error {
	if len(g.accounts)+len(s.Accounts) > maxAccounts {
		return fmt.Errorf("there may be %d accounts", maxAccounts)
	}
	for _, a := range s.Accounts {
		if !isAgentID(a.AgentID) {
			return fmt.Errorf("account: %q is no agent ID", a.AgentID)
		}
	}
	free := map[string]bool{} // agents without a conference
	for id, a := range g.agents {
		free[id] = a.conference == nil && a.invitation == nil
	}
	for _, a := range s.Agents {
		if _, exists := free[a.AgentID]; exists || !isAgentID(a.AgentID) {
			return fmt.Errorf("agent %q is signed in already, or is no agent ID", a.AgentID)
		}
		free[a.AgentID] = true
	}
	for i := range s.Conferences {
		if err := s.Conferences[i].check(free); err != nil {
			return fmt.Errorf("conference %d: %w", i+1, err)
		}
	}
	return nil
}

// check returns an error for a conference that cannot be. It takes its agents from free.
func (c *SeedConference) check(free map[string]bool) error {
	take := func(id string) error {
		if !free[id] {
			return fmt.Errorf("agent %q is not signed in, or is in a conference already", id)
		}
		free[id] = false
		return nil
	}
	if err := take(c.Chair); err != nil {
		return err
	}
	capacity := cmp.Or(c.Capacity, maxParties)
	if !inRange(&capacity, 1, maxParties) || len(c.Participants) >= capacity {
		return fmt.Errorf("capacity is not from 1 to %d, or too small for the participants", maxParties)
	}
	if c.Minutes != 0 && !inRange(&c.Minutes, 4, maxMinutes) {
		return fmt.Errorf("minutes is not from 4 to %d", maxMinutes)
	}
	var phones []string
	for _, p := range c.Participants {
		if wrong := (address{AddressType: p.AddressType, Address: p.Address}).violation(); wrong != "" {
			return fmt.Errorf("%s", wrong)
		}
		if !slices.Contains([]string{"", stateTalking, stateHeld, stateRinging}, p.State) {
			return fmt.Errorf("unknown state %q; there are %s, %s, %s", p.State, stateTalking, stateHeld, stateRinging)
		}
		if p.Mode != 0 && !inRange(&p.Mode, modeMuted, modeNeither) {
			return fmt.Errorf("mode is not from 1 to 4")
		}
		if p.AddressType == phoneNumber && slices.Contains(phones, p.Address) {
			return fmt.Errorf("phone %q is there twice", p.Address)
		}
		phones = append(phones, p.Address)
		if p.AddressType == agentNumber {
			if err := take(p.Address); err != nil {
				return err
			}
		}
	}
	return nil
}

// applySeed adds what checkSeed has accepted. It needs the lock.
func (g *Gateway) applySeed(s *Seed) {
	for _, a := range s.Accounts {
		g.accounts = append(g.accounts, &a)
	}
	for _, agent := range s.Agents {
		phone := cmp.Or(agent.Phonenum, agent.AgentID)
		signIn := SignIn{Phonenum: phone, Status: agent.Status, PushURL: agent.PushURL}
		a := g.newSession(agent.AgentID, signIn, "")
		if agent.GUID == "" {
			g.issueGUID(a)
		} else {
			a.guids = append(a.guids, issuedGUID{agent.GUID, time.Now()})
		}
		a.startPush()
	}
	for i := range s.Conferences {
		g.seedConference(&s.Conferences[i])
	}
}

func (g *Gateway) seedConference(s *SeedConference) {
	chair := g.agents[s.Chair]
	c := chair.newConference(cmp.Or(s.Capacity, maxParties), cmp.Or(s.Minutes, 60), 3)
	c.begin()
	for _, seeded := range s.Participants {
		p := &participant{address: address{AddressType: seeded.AddressType, Address: seeded.Address}}
		ringing := seeded.State == stateRinging
		if p.AddressType == agentNumber {
			p.agent = g.agents[p.Address]
			if ringing {
				p.agent.invitation = c
			} else {
				p.agent.conference = c
			}
		}
		c.participants = append(c.participants, p)
		if ringing {
			continue // until a person or a request answers
		}
		p.join()
		p.attribute = cmp.Or(seeded.Mode, modeUnmuted)
		if seeded.State == stateHeld {
			p.holdVoice, p.heldAt = cmp.Or(seeded.VoicePath, defaultHoldVoice), time.Now()
		}
	}
}

// Reset restores the state of the start: that of NewSeeded, or an empty gateway. Waiting polls
// end with 100-006. Requests that a fault holds stay held until their clients leave.
func (g *Gateway) Reset() {
	g.mu.Lock()
	g.epoch++
	for _, c := range g.conferences {
		c.ended = true
		c.stopTimers()
	}
	for _, a := range g.agents {
		a.conference, a.invitation, a.queue = nil, nil, nil
		g.endSession(a)
	}
	g.conferences, g.lastConferenceID = nil, firstConferenceID-1
	g.accounts, g.scenario = nil, nil
	g.pendingActs, g.logged, g.emitted, g.signIns = 0, 0, 0, 0
	g.faults.Reset()
	g.journal.Clear()
	g.recordControl("reset", "", nil)
	g.mu.Unlock()
	if err := g.Seed(g.start); err != nil { // it was accepted before, by an empty gateway
		panic(err)
	}
}
