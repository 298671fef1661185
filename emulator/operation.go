package emulator

import (
	"encoding/json"
	"slices"
	"strings"
)

// Request is a request of the conference family.
type Request struct {
	Operation string // last segment of the path, such as holdparticipant
	AgentID   string // of the path, 101 to 999999
	GUID      string // of the header Guid
	Body      []byte // JSON; operations without parameters ignore it
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

// operation is an operation of the conference family.
type operation struct {
	method  string // of HTTP
	segment string // last segment of the path
	name    string // the gateway's method name
	execute executeFunc
}

// executeFunc runs an operation for an agent whose GUID is valid. A nil result is the
// reserved, empty one.
type executeFunc func(a *agent, body []byte) (result any, retcode string)

// conferenceOperations has the operations of page 0467 in its order. Each page names the
// role that an agent needs.
var conferenceOperations = []operation{
	post("requestAgentConf", by(anyAgent, (*agent).requestAgentConf)),
	post("answerAgentConf", by(invited, (*agent).answerAgentConf)),
	post("rejectAgentConf", by(invited, (*agent).rejectAgentConf)),
	post("requestLeaveAgentConf", by(guest, (*agent).requestLeaveAgentConf)),
	post("releaseAgentConf", by(chair, (*conference).releaseAgentConf)),
	post("holdParticipant", by(chair, (*conference).holdParticipant)),
	post("unholdParticipant", by(chair, (*conference).unholdParticipant)),
	post("prolongTime", by(chair, (*conference).prolongTime)),
	post("applyToShiftPresident", by(chair, (*conference).applyToShiftPresident)),
	post("batchAddParticipant", by(chair, (*conference).batchAddParticipant)),
	post("batchRemoveParticipant", by(chair, (*conference).batchRemoveParticipant)),
	post("changeParticipantMode", by(chair, (*conference).changeParticipantMode)),
	post("playVoiceToConf", by(chair, (*conference).playVoiceToConf)),
	post("stopVoiceToConf", by(chair, (*conference).stopVoiceToConf)),
	post("playVoiceToParticipant", by(chair, (*conference).playVoiceToParticipant)),
	post("stopVoiceToParticipant", by(chair, (*conference).stopVoiceToParticipant)),
	post("modifyConfResource", by(chair, (*conference).modifyConfResource)),
	post("queryConfInfos", by(anyAgent, (*agent).queryConfInfos)),
	{"GET", "queryvdnconfid", "queryAllConfIds", by(inspector, (*agent).queryAllConfIds)},
}

// body is a decoded body. violation says which field is wrong, and why, or returns "". A wrong
// body fails with 000-002.
type body interface{ violation() string }

// noBody is the body of an operation without parameters. Whatever a client sends is
// ignored, even if it is not JSON.
type noBody struct{}

func (noBody) violation() string { return "" }

// post returns an operation whose segment is its name in lower case. That is all but one.
func post(name string, execute executeFunc) operation {
	return operation{"POST", strings.ToLower(name), name, execute}
}

// by returns the execution of an operation for agents with a role. The role returns what
// the operation acts on, or the retcode for an agent that does not have the role. The
// body is checked first; the documentation gives no order.
func by[S any, B body](role func(*agent) (S, string), execute func(S, B) (any, string)) executeFunc {
	return func(a *agent, text []byte) (any, string) {
		var b B
		if _, ignored := any(b).(noBody); !ignored {
			if err := json.Unmarshal(text, &b); err != nil {
				return a.gateway.refuse(decodeFault(err))
			}
		}
		if wrong := b.violation(); wrong != "" {
			return a.gateway.refuse(wrong)
		}
		subject, retcode := role(a)
		if retcode != success {
			return nil, retcode
		}
		return execute(subject, b)
	}
}

// anyAgent is the role of every agent with a valid GUID.
func anyAgent(a *agent) (*agent, string) { return a, success }

// invited is the role of an agent with an invitation.
func invited(a *agent) (*agent, string) {
	if a.invitation == nil {
		return nil, noConference
	}
	return a, success
}

// guest is the role of an agent in a conference that is not its chairperson.
func guest(a *agent) (*agent, string) {
	switch _, retcode := chair(a); retcode {
	case success:
		return nil, leavingChair
	case notChairperson:
		return a, success
	default:
		return nil, retcode
	}
}

// chair is the role of a conference's chairperson. It begins with the event
// AgentConf_RequestSuccess (page 0468).
func chair(a *agent) (*conference, string) {
	switch {
	case a.conference == nil, !a.conference.begun:
		return nil, noConference
	case a.conference.chair != a:
		return nil, notChairperson
	}
	return a.conference, success
}

// inspector is the role of the agents that Config names.
func inspector(a *agent) (*agent, string) {
	if !a.isInspector() {
		return nil, notInspector
	}
	return a, success
}

// Do executes a request of the conference family and logs it. A nil result is the
// reserved, empty one. An unknown operation fails with 000-002 and is not logged.
func (g *Gateway) Do(r Request) (result any, retcode string) {
	i := slices.IndexFunc(conferenceOperations, func(op operation) bool { return op.segment == r.Operation })
	if i < 0 {
		return nil, badArgument
	}
	op := conferenceOperations[i]
	return g.do(g.methodRequest(op.name, r.AgentID, r.GUID, r.Body), op)
}

// do runs op if the GUID is valid.
func (g *Gateway) do(q *request, op operation) (result any, retcode string) {
	return g.run(q, func() (any, string) {
		a, retcode := g.authenticate(q)
		if retcode != success {
			return nil, retcode
		}
		return op.execute(a, q.body)
	})
}

func isConferenceOperation(name string) bool {
	return slices.ContainsFunc(conferenceOperations, func(op operation) bool { return op.name == name })
}
