package emulator

import (
	"cmp"
	"sync"
	"time"
)

// Authentication modes (page 0005).
const (
	StaticGUID  = 1 // the GUID of the sign-in does not change
	DynamicGUID = 2 // polls replace the GUID
)

// Config configures the emulated gateway. A zero field has the default of a real
// gateway, which the comment names. Names in brackets are the gateway's own.
type Config struct {
	// AuthMode is StaticGUID or DynamicGUID [AUTHMODE]. Default: DynamicGUID.
	AuthMode int

	// GUIDInterval is the age at which a poll or a handshake replaces a GUID, in mode
	// DynamicGUID [GUIDINTERVAL]. Default: 1 minute. If it is negative, every poll does.
	GUIDInterval time.Duration

	// GUIDTimeout is the age at which a GUID expires, in mode DynamicGUID [GUIDTIMEOUT].
	// It must exceed GUIDInterval. Default: 2 minutes.
	GUIDTimeout time.Duration

	// Node is the name of the gateway's node, the last part of its GUIDs. Default:
	// AgentGateway1.
	Node string

	// SignOutAfter is the time without a poll after which the gateway signs an agent out
	// (page 1202). Default: 2 minutes. If it is negative, agents stay signed in.
	SignOutAfter time.Duration

	// Inspectors are the IDs of the agents that may query every conference. Default: none.
	Inspectors []string

	// AnswerDelay is the time until a called phone answers, and until an application for
	// a conference succeeds. Default: 300 ms. If it is negative, there is no delay.
	AnswerDelay time.Duration
}

// WithDefaults returns c with the defaults in its zero fields.
func (c Config) WithDefaults() Config {
	c.AuthMode = cmp.Or(c.AuthMode, DynamicGUID)
	c.GUIDInterval = cmp.Or(c.GUIDInterval, time.Minute)
	c.GUIDTimeout = cmp.Or(c.GUIDTimeout, 2*time.Minute)
	c.Node = cmp.Or(c.Node, "AgentGateway1")
	c.SignOutAfter = cmp.Or(c.SignOutAfter, 2*time.Minute)
	c.AnswerDelay = cmp.Or(c.AnswerDelay, 300*time.Millisecond)
	return c
}

// Gateway is an emulated CC-Gateway. It is safe for concurrent use.
type Gateway struct {
	config Config

	mu               sync.Mutex        // guards everything below, including agents and conferences
	agents           map[string]*agent // the signed-in agents, by ID
	conferences      []*conference     // the conferences that have not ended, oldest first
	lastConferenceID int64
	log              []LogEntry
	emitted          []EmittedEvent
	faults           []*Fault
}

// New returns a gateway without signed-in agents. Its first conference has the ID of the
// vendor's example, 1029888 (page 0485). The log and the events are kept as long as the
// gateway, so that its memory grows with every request.
func New(config Config) *Gateway {
	return &Gateway{config: config.WithDefaults(), agents: map[string]*agent{}, lastConferenceID: 1029887}
}
