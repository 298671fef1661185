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
//   - Who rejects an invitation, and who is removed before answering, is announced
//     as a failed invitation too.
//   - prolongtime adds what keeps the whole at 1440 minutes, which may be nothing.
//   - modifyconfresource fails with 000-002 beyond 120 parties, or below those who
//     are there.
//   - An announcement lasts for 3 s. While one is played a second fails with
//     100-007, and so does stopping one that is not played. Its end is told to who
//     started it, whether it ran out or was stopped.
//   - An inspector is who Config names.
//   - logout in a conference fails with 100-010. forcelogout, and a forced
//     sign-in, leave the conference first; the chairperson's ends it.
//   - A poll that waits when its agent signs out gets AgentOther_ShutdownService.
//   - A GUID that was replaced stays valid until its own lifetime is over.
//   - Reading an event removes it: there is no acknowledgement.
//   - Every password is right, and events are never pushed.
package emulator

import (
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
	badSignOut        = "100-005"
	notSignedIn       = "100-006"
	exception         = "100-007"
	wrongState        = "100-010"
	noConference      = "101-001"
	notChairperson    = "101-002"
	alreadyConference = "101-003"
	notInspector      = "101-004"
	alreadyChair      = "101-005"
	removingChair     = "101-006"
	leavingChair      = "101-007"
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

	// SignOutAfter is how long an agent stays signed in that nobody polls for; 0 is
	// for ever. Gateways have 2 minutes (page 1202).
	SignOutAfter time.Duration

	// Inspectors are the agents that may query every conference.
	Inspectors []string

	// AnswerDelay is how long a phone rings until it is answered, and an
	// application for a conference takes.
	AnswerDelay time.Duration
}

// Gateway is the state of an emulated CC-Gateway. It is safe for concurrent use.
type Gateway struct {
	config Config

	mu       sync.Mutex
	agents   map[string]*agent // the signed-in ones, by agent ID
	confs    []*conf           // that are not over, oldest first
	lastConf int64
	log      []LogEntry
	told     []ToldEvent
	faults   []*Fault
}

// New returns a gateway at which nobody is signed in.
func New(config Config) *Gateway {
	return &Gateway{config: config, agents: map[string]*agent{}, lastConf: 1029887}
}
