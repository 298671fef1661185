package emulator

import (
	"cmp"
	"io"
	"net/http"
	"sync"
	"time"

	"agentconf/emulator/fault"
	"agentconf/emulator/journal"
	"agentconf/emulator/page"
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

	// StaleGUID is the retcode for a GUID that is wrong or has expired: 000-003 or 100-006. The
	// documentation names both (page 0005). Default: 000-003.
	StaleGUID string

	// Node is the name of the gateway's node, the last part of its GUIDs. Default:
	// AgentGateway1.
	Node string

	// Nodes are the names of several nodes, instead of Node. Sign-ins take them in turn.
	Nodes []string

	// BalancerCookie is the name of the cookie by which a load balancer in front of Nodes finds
	// the node of a client. A request without it reaches the next node, which does not know
	// the session. Default: none, every node knows every session.
	BalancerCookie string

	// SignOutAfter is the time without a poll after which the gateway signs an agent out
	// (page 1202). Default: 2 minutes. If it is negative, agents stay signed in.
	SignOutAfter time.Duration

	// Inspectors are the IDs of the agents that may query every conference. Default: none.
	Inspectors []string

	// AnswerDelay is the time until a called phone answers, and until an application for
	// a conference succeeds. Default: 300 ms. If it is negative, there is no delay.
	AnswerDelay time.Duration

	// ManualPhones makes called phones ring until a person answers or refuses, or until a rule
	// of the scenario does. Default: phones answer after AnswerDelay.
	ManualPhones bool

	// Canned are the answers to operations of other families. Default: none.
	Canned []CannedReply

	// JournalEntries and JournalBytes limit the journal. Default: 10,000 entries with together
	// 16 MiB.
	JournalEntries, JournalBytes int

	// RandomSeed is the source of all chance: probabilities and drawn delays of faults.
	// Default: 1.
	RandomSeed uint64

	// Front is a service in front of the gateway, for the page. Default: none.
	Front page.Front

	// Log receives every conference request as a line of JSON, a LogEntry. Warnings receives
	// a line for every request that has a wrong field. Default: none.
	Log, Warnings io.Writer
}

// WithDefaults returns c with the defaults in its zero fields.
func (c Config) WithDefaults() Config {
	c.AuthMode = cmp.Or(c.AuthMode, DynamicGUID)
	c.GUIDInterval = cmp.Or(c.GUIDInterval, time.Minute)
	c.GUIDTimeout = cmp.Or(c.GUIDTimeout, 2*time.Minute)
	c.StaleGUID = cmp.Or(c.StaleGUID, noRight)
	c.Node = cmp.Or(c.Node, "AgentGateway1")
	c.SignOutAfter = cmp.Or(c.SignOutAfter, 2*time.Minute)
	c.AnswerDelay = cmp.Or(c.AnswerDelay, 300*time.Millisecond)
	c.JournalEntries = cmp.Or(c.JournalEntries, 10_000)
	c.JournalBytes = cmp.Or(c.JournalBytes, 16<<20)
	c.RandomSeed = cmp.Or(c.RandomSeed, 1)
	c.Log, c.Warnings = cmp.Or(c.Log, io.Discard), cmp.Or(c.Warnings, io.Discard)
	return c
}

// Gateway is an emulated CC-Gateway. It is safe for concurrent use.
type Gateway struct {
	config  Config
	faults  *fault.Set
	journal *journal.Journal
	held    chan struct{} // a slot for each request that a fault holds
	push    *http.Client
	start   Seed // the state to which Reset returns

	mu               sync.Mutex        // guards everything below, including agents and conferences
	agents           map[string]*agent // the signed-in agents, by ID
	accounts         []*Account
	conferences      []*conference // the conferences that have not ended, oldest first
	lastConferenceID int64
	scenario         []*Rule
	epoch            int // number of resets
	pendingActs      int // acts of the scenario that wait
	logged           int // conference requests so far
	emitted          int // events so far
	signIns          int // for the turn of the nodes
	lastWarning      string
	wrong            string // violation that the current operation has found in its request
}

// firstConferenceID is the ID of the vendor's example (page 0485).
const firstConferenceID = 1029888

// maxHeld is the largest number of requests that faults hold or delay at the same time.
const maxHeld = 1000

// New returns a gateway without signed-in agents. Its first conference has the ID of the
// vendor's example, 1029888 (page 0485).
func New(config Config) *Gateway {
	g := &Gateway{
		config: config.WithDefaults(), held: make(chan struct{}, maxHeld), push: newPushClient(),
		agents: map[string]*agent{}, lastConferenceID: firstConferenceID - 1,
	}
	g.journal = journal.New(g.config.JournalEntries, g.config.JournalBytes)
	g.faults = fault.NewSet(g.config.RandomSeed, g.faultCatalog)
	return g
}

// Journal returns the journal of everything that happens at the gateway.
func (g *Gateway) Journal() *journal.Journal { return g.journal }
