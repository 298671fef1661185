package emulator

import (
	"slices"
	"strings"
	"time"
)

// States of agents and participants, as State fields have them.
const (
	stateIdle       = "idle"
	stateBusy       = "busy"
	stateWork       = "work"
	stateRequesting = "requesting"
	stateRinging    = "ringing"
	stateTalking    = "talking"
	stateHeld       = "held"
)

// AgentState is the state of a signed-in agent.
type AgentState struct {
	AgentID  string `json:"agentId"`
	Phonenum string `json:"phonenum"`

	// State is idle, busy (set not ready), work (wrap-up), requesting (its conference has not
	// begun), ringing (is invited) or talking (is in a conference).
	State string `json:"state"`

	GUID         string    `json:"guid"` // the newest
	Node         string    `json:"node"`
	SignedInAt   time.Time `json:"signedInAt"`
	ConfID       int64     `json:"confId"` // 0 without a conference
	Chair        bool      `json:"chair"`
	QueuedEvents int       `json:"queuedEvents"`
	Polling      bool      `json:"polling"` // a poll waits
	Push         bool      `json:"push"`    // its events are pushed
}

// Agents returns the signed-in agents, by their IDs.
func (g *Gateway) Agents() []AgentState {
	g.mu.Lock()
	defer g.mu.Unlock()
	agents := []AgentState{}
	for _, a := range g.agents {
		agents = append(agents, a.state())
	}
	slices.SortFunc(agents, func(a, b AgentState) int { return strings.Compare(a.AgentID, b.AgentID) })
	return agents
}

func (a *agent) state() AgentState {
	s := AgentState{
		AgentID: a.id, Phonenum: a.signIn.Phonenum, GUID: a.guids[len(a.guids)-1].guid, Node: a.node,
		SignedInAt: a.signedInAt.UTC(), QueuedEvents: len(a.queue), Polling: a.activePolls > 0, Push: a.pushes(),
	}
	switch c := a.conference; {
	case c != nil && c.begun:
		s.State, s.ConfID, s.Chair = stateTalking, c.id, c.chair == a
	case c != nil:
		s.State, s.ConfID, s.Chair = stateRequesting, c.id, true
	case a.invitation != nil:
		s.State, s.ConfID = stateRinging, a.invitation.id
	case a.signIn.Status == 3:
		s.State = stateBusy
	case a.signIn.Status == 5:
		s.State = stateWork
	default:
		s.State = stateIdle
	}
	return s
}

// ConferenceState is the state of a conference that has not ended.
type ConferenceState struct {
	ConfID       int64              `json:"confId"`
	State        string             `json:"state"` // requested or running
	Chair        string             `json:"chair"` // agent ID
	Capacity     int                `json:"capacity"`
	StartedAt    *time.Time         `json:"startedAt"` // nil while requested
	EndsAt       *time.Time         `json:"endsAt"`
	Announcement *AnnouncementState `json:"announcement"` // to all; nil if none plays
	Participants []ParticipantState `json:"participants"`
}

// ParticipantState is the state of a participant, joined or called.
type ParticipantState struct {
	AddressType  string             `json:"addressType"`
	Address      string             `json:"address"`
	State        string             `json:"state"` // ringing, talking or held
	Mode         int                `json:"mode"`  // 1 listens, 2 speaks, 3 both, 4 neither; 0 while ringing
	Muted        bool               `json:"muted"` // mode 1 or 4
	Chair        bool               `json:"chair"`
	JoinedAt     *time.Time         `json:"joinedAt"`     // nil while ringing
	Announcement *AnnouncementState `json:"announcement"` // to this participant; nil if none plays
}

// AnnouncementState is an announcement that plays.
type AnnouncementState struct {
	VoicePath string     `json:"voicePath"`
	StartedAt time.Time  `json:"startedAt"`
	EndsAt    *time.Time `json:"endsAt,omitempty"` // nil for the announcement of a hold
}

// Conferences returns the conferences that have not ended, oldest first.
func (g *Gateway) Conferences() []ConferenceState {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := []ConferenceState{}
	for _, c := range g.conferences {
		list = append(list, c.state())
	}
	return list
}

func (c *conference) state() ConferenceState {
	s := ConferenceState{
		ConfID: c.id, State: "requested", Chair: c.chair.id, Capacity: c.capacity,
		Announcement: c.announcement.state(), Participants: []ParticipantState{},
	}
	if c.begun {
		s.State = "running"
		s.StartedAt = utc(c.beganAt)
		s.EndsAt = utc(c.beganAt.Add(time.Duration(c.minutes) * time.Minute))
	}
	for _, p := range c.participants {
		s.Participants = append(s.Participants, c.participantState(p))
	}
	return s
}

func (c *conference) participantState(p *participant) ParticipantState {
	s := ParticipantState{
		AddressType: p.AddressType, Address: p.Address, State: stateRinging,
		Chair: p.agent != nil && p.agent == c.chair, Announcement: p.announcement.state(),
	}
	if !p.joined {
		return s
	}
	s.State, s.Mode, s.JoinedAt = stateTalking, p.attribute, utc(p.joinedAt)
	s.Muted = p.attribute == modeMuted || p.attribute == modeNeither
	if p.held() {
		s.State = stateHeld
		s.Announcement = &AnnouncementState{VoicePath: p.holdVoice, StartedAt: p.heldAt.UTC()}
	}
	return s
}

func (a *announcement) state() *AnnouncementState {
	if a == nil {
		return nil
	}
	return &AnnouncementState{a.voicePath, a.startedAt.UTC(), utc(a.startedAt.Add(announcementLength))}
}

func utc(t time.Time) *time.Time {
	t = t.UTC()
	return &t
}
