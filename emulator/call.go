package emulator

import (
	"encoding/json"
	"slices"
)

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

// operation is one of the conference family: its HTTP method, its name in the
// gateway's logs, and what it does for an agent whose GUID was right. A nil result
// is the reserved, empty one.
type operation struct {
	method string
	name   string
	do     func(g *Gateway, a *agent, body []byte) (result any, retcode string)
}

// operations are those of page 0467, by their name in the path.
var operations = map[string]operation{
	"requestagentconf":       {"POST", "requestAgentConf", plain((*Gateway).requestAgentConf)},
	"answeragentconf":        {"POST", "answerAgentConf", bare((*Gateway).answerAgentConf)},
	"rejectagentconf":        {"POST", "rejectAgentConf", bare((*Gateway).rejectAgentConf)},
	"requestleaveagentconf":  {"POST", "requestLeaveAgentConf", bare((*Gateway).requestLeaveAgentConf)},
	"releaseagentconf":       {"POST", "releaseAgentConf", bare((*Gateway).releaseAgentConf)},
	"holdparticipant":        {"POST", "holdParticipant", plain((*Gateway).holdParticipant)},
	"unholdparticipant":      {"POST", "unholdParticipant", plain((*Gateway).unholdParticipant)},
	"prolongtime":            {"POST", "prolongTime", answering((*Gateway).prolongTime)},
	"applytoshiftpresident":  {"POST", "applyToShiftPresident", plain((*Gateway).applyToShiftPresident)},
	"batchaddparticipant":    {"POST", "batchAddParticipant", plain((*Gateway).batchAddParticipant)},
	"batchremoveparticipant": {"POST", "batchRemoveParticipant", answering((*Gateway).batchRemoveParticipant)},
	"changeparticipantmode":  {"POST", "changeParticipantMode", plain((*Gateway).changeParticipantMode)},
	"playvoicetoconf":        {"POST", "playVoiceToConf", answering((*Gateway).playVoiceToConf)},
	"stopvoicetoconf":        {"POST", "stopVoiceToConf", withoutBody((*Gateway).stopVoiceToConf)},
	"playvoicetoparticipant": {"POST", "playVoiceToParticipant", answering((*Gateway).playVoiceToParticipant)},
	"stopvoicetoparticipant": {"POST", "stopVoiceToParticipant", answering((*Gateway).stopVoiceToParticipant)},
	"modifyconfresource":     {"POST", "modifyConfResource", plain((*Gateway).modifyConfResource)},
	"queryconfinfos":         {"POST", "queryConfInfos", answering((*Gateway).queryConfInfos)},
	"queryvdnconfid":         {"GET", "queryAllConfIds", withoutBody((*Gateway).queryAllConfIds)},
}

// answering is an operation with a body and a result.
func answering[B any](do func(*Gateway, *agent, B) (any, string)) func(*Gateway, *agent, []byte) (any, string) {
	return func(g *Gateway, a *agent, body []byte) (any, string) {
		var b B
		if json.Unmarshal(body, &b) != nil {
			return nil, badArgument
		}
		return do(g, a, b)
	}
}

// plain is one with a body only.
func plain[B any](do func(*Gateway, *agent, B) string) func(*Gateway, *agent, []byte) (any, string) {
	return answering(func(g *Gateway, a *agent, b B) (any, string) { return nil, do(g, a, b) })
}

// withoutBody is one with a result only.
func withoutBody(do func(*Gateway, *agent) (any, string)) func(*Gateway, *agent, []byte) (any, string) {
	return func(g *Gateway, a *agent, _ []byte) (any, string) { return do(g, a) }
}

// bare is one with neither.
func bare(do func(*Gateway, *agent) string) func(*Gateway, *agent, []byte) (any, string) {
	return func(g *Gateway, a *agent, _ []byte) (any, string) { return nil, do(g, a) }
}

// Do carries out a call of the conference family and logs it.
func (g *Gateway) Do(call Call) (result any, retcode string) {
	op, ok := operations[call.Operation]
	if !ok {
		return nil, badArgument
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a, retcode := g.authenticate(call.AgentID, call.GUID)
	applied := false
	if retcode == success {
		f := g.refusal(op.name)
		if f == nil || f.Applied {
			result, retcode = op.do(g, a, call.Body)
			applied = retcode == success
		}
		if f != nil {
			result, retcode = nil, f.Retcode
		}
	}
	entry := LogEntry{len(g.log) + 1, op.name, call.AgentID, nil, retcode, applied}
	if json.Valid(call.Body) {
		entry.Body = call.Body
	}
	g.log = append(g.log, entry)
	return result, retcode
}

// Log returns what became of every call so far, in order. It is to be read only:
// entries never change, and so all who ask share them.
func (g *Gateway) Log() []LogEntry {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clip(g.log)
}
