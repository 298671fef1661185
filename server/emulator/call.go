package emulator

import "encoding/json"

// Call is a request of the conference family.
type Call struct {
	Operation string // as in the path, such as holdparticipant
	AgentID   string
	GUID      string
	Body      []byte
}

// LogEntry is what became of one Call. The log is the truth that a client's view
// is compared with: a conference operation took effect if and only if it stands
// here as applied.
type LogEntry struct {
	Seq       int             `json:"seq"`
	Operation string          `json:"operation"` // the gateway's name, such as holdParticipant
	AgentID   string          `json:"agentId"`
	Body      json.RawMessage `json:"body"`
	Retcode   string          `json:"retcode"`
	Applied   bool            `json:"applied"`
}

// operation is one of the conference family: its name in the gateway's logs, and
// what it does for an agent whose GUID was right.
type operation struct {
	name string
	do   func(g *Gateway, a *agent, body []byte) (retcode string)
}

// operations are those that the emulator has, by their name in the path.
var operations = map[string]operation{
	"requestagentconf":    {"requestAgentConf", withBody((*Gateway).requestAgentConf)},
	"answeragentconf":     {"answerAgentConf", withoutBody((*Gateway).answerAgentConf)},
	"releaseagentconf":    {"releaseAgentConf", withoutBody((*Gateway).releaseAgentConf)},
	"batchaddparticipant": {"batchAddParticipant", withBody((*Gateway).batchAddParticipant)},
	"holdparticipant":     {"holdParticipant", withBody((*Gateway).holdParticipant)},
	"unholdparticipant":   {"unholdParticipant", withBody((*Gateway).unholdParticipant)},
}

func withBody[B any](do func(*Gateway, *agent, B) string) func(*Gateway, *agent, []byte) string {
	return func(g *Gateway, a *agent, body []byte) string {
		var b B
		if json.Unmarshal(body, &b) != nil {
			return badArgument
		}
		return do(g, a, b)
	}
}

func withoutBody(do func(*Gateway, *agent) string) func(*Gateway, *agent, []byte) string {
	return func(g *Gateway, a *agent, _ []byte) string { return do(g, a) }
}

// Do carries out a call of the conference family and logs it.
func (g *Gateway) Do(call Call) (retcode string) {
	op, ok := operations[call.Operation]
	if !ok {
		return badArgument
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(call.AgentID, call.GUID)
	if retcode == success {
		retcode = op.do(g, a, call.Body)
	}
	entry := LogEntry{len(g.log) + 1, op.name, call.AgentID, nil, retcode, retcode == success}
	if json.Valid(call.Body) {
		entry.Body = call.Body
	}
	g.log = append(g.log, entry)
	return retcode
}

// Log returns what became of every call so far, in order.
func (g *Gateway) Log() []LogEntry {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]LogEntry(nil), g.log...)
}
