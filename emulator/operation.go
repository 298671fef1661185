package emulator

import (
	"encoding/json"
	"slices"
)

// Request is a request of the conference family.
type Request struct {
	Operation string // last segment of the path, such as holdparticipant
	AgentID   string
	GUID      string
	Body      []byte
}

// LogEntry is the result of one Request. The log is the reference for the view of a
// client: an operation took effect if and only if its entry is applied.
type LogEntry struct {
	Seq       int             `json:"seq"`       // counts from 1
	Operation string          `json:"operation"` // the gateway's method name, such as holdParticipant
	AgentID   string          `json:"agentId"`
	Body      json.RawMessage `json:"body"` // null if the request had no JSON
	Retcode   string          `json:"retcode"`
	Applied   bool            `json:"applied"`
}

// operation is an operation of the conference family. execute runs it for an agent
// with a valid GUID. A nil result is the reserved, empty one.
type operation struct {
	method  string // of HTTP
	segment string // last segment of the path
	name    string // the gateway's method name
	execute func(g *Gateway, a *agent, body []byte) (result any, retcode string)
}

// conferenceOperations has the operations of page 0467.
var conferenceOperations = []operation{
	{"POST", "requestagentconf", "requestAgentConf", withBody((*Gateway).requestAgentConf)},
	{"POST", "answeragentconf", "answerAgentConf", withoutBodyOrResult((*Gateway).answerAgentConf)},
	{"POST", "rejectagentconf", "rejectAgentConf", withoutBodyOrResult((*Gateway).rejectAgentConf)},
	{"POST", "requestleaveagentconf", "requestLeaveAgentConf", withoutBodyOrResult((*Gateway).requestLeaveAgentConf)},
	{"POST", "releaseagentconf", "releaseAgentConf", withoutBodyOrResult((*Gateway).releaseAgentConf)},
	{"POST", "holdparticipant", "holdParticipant", withBody((*Gateway).holdParticipant)},
	{"POST", "unholdparticipant", "unholdParticipant", withBody((*Gateway).unholdParticipant)},
	{"POST", "prolongtime", "prolongTime", withBodyAndResult((*Gateway).prolongTime)},
	{"POST", "applytoshiftpresident", "applyToShiftPresident", withBody((*Gateway).applyToShiftPresident)},
	{"POST", "batchaddparticipant", "batchAddParticipant", withBody((*Gateway).batchAddParticipant)},
	{"POST", "batchremoveparticipant", "batchRemoveParticipant", withBodyAndResult((*Gateway).batchRemoveParticipant)},
	{"POST", "changeparticipantmode", "changeParticipantMode", withBody((*Gateway).changeParticipantMode)},
	{"POST", "playvoicetoconf", "playVoiceToConf", withBodyAndResult((*Gateway).playVoiceToConf)},
	{"POST", "stopvoicetoconf", "stopVoiceToConf", withResult((*Gateway).stopVoiceToConf)},
	{"POST", "playvoicetoparticipant", "playVoiceToParticipant", withBodyAndResult((*Gateway).playVoiceToParticipant)},
	{"POST", "stopvoicetoparticipant", "stopVoiceToParticipant", withBodyAndResult((*Gateway).stopVoiceToParticipant)},
	{"POST", "modifyconfresource", "modifyConfResource", withBody((*Gateway).modifyConfResource)},
	{"POST", "queryconfinfos", "queryConfInfos", withBodyAndResult((*Gateway).queryConfInfos)},
	{"GET", "queryvdnconfid", "queryAllConfIds", withResult((*Gateway).queryAllConfIds)},
}

type executeFunc = func(*Gateway, *agent, []byte) (any, string)

func withBodyAndResult[B any](execute func(*Gateway, *agent, B) (any, string)) executeFunc {
	return func(g *Gateway, a *agent, body []byte) (any, string) {
		var b B
		if json.Unmarshal(body, &b) != nil {
			return nil, badArgument
		}
		return execute(g, a, b)
	}
}

func withBody[B any](execute func(*Gateway, *agent, B) string) executeFunc {
	return withBodyAndResult(func(g *Gateway, a *agent, b B) (any, string) { return nil, execute(g, a, b) })
}

func withResult(execute func(*Gateway, *agent) (any, string)) executeFunc {
	return func(g *Gateway, a *agent, _ []byte) (any, string) { return execute(g, a) }
}

func withoutBodyOrResult(execute func(*Gateway, *agent) string) executeFunc {
	return func(g *Gateway, a *agent, _ []byte) (any, string) { return nil, execute(g, a) }
}

// Do executes a request of the conference family and logs it. A nil result is the
// reserved, empty one. An unknown operation fails with 000-002 and is not logged.
func (g *Gateway) Do(r Request) (result any, retcode string) {
	i := slices.IndexFunc(conferenceOperations, func(op operation) bool { return op.segment == r.Operation })
	if i < 0 {
		return nil, badArgument
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	op := conferenceOperations[i]
	result, retcode, applied := g.execute(op, r)
	entry := LogEntry{len(g.log) + 1, op.name, r.AgentID, nil, retcode, applied}
	if json.Valid(r.Body) {
		entry.Body = r.Body
	}
	g.log = append(g.log, entry)
	return result, retcode
}

// execute runs op if the GUID is valid and no fault prevents it. The retcode of a fault
// replaces that of the operation.
func (g *Gateway) execute(op operation, r Request) (result any, retcode string, applied bool) {
	a, retcode := g.authenticate(r.AgentID, r.GUID)
	if retcode != success {
		return nil, retcode, false
	}
	fault := g.takeRetcodeFault(op.name)
	if fault == nil || fault.Applied {
		result, retcode = op.execute(g, a, r.Body)
		applied = retcode == success
	}
	if fault != nil {
		result, retcode = nil, fault.Retcode
	}
	return result, retcode, applied
}

// Log returns the entries of all requests of the conference family so far, in order.
// Callers must not modify the result, which they share.
func (g *Gateway) Log() []LogEntry {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clip(g.log)
}
