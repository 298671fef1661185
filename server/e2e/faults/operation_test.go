package faults

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The phones of every conference: the one that is there, and one to be invited.
const (
	present = "88887946"
	invited = "88887947"
)

// family is what the paths of operations have in common.
type family struct {
	service string // of the contract
	path    string // of the gateway
	noun    string // of the paths under /v1
}

var (
	conferences = family{"ConferenceService", "agentconf", "conference"}
	sessions    = family{"SessionService", "onlineagent", "session"}
	events      = family{"EventService", "agentevent", "events"}
)

// operation is one of the gateway, with arguments that it accepts.
type operation struct {
	family
	name   string // the gateway's
	method string
	path   string   // behind the agent ID
	body   string   // of the contract
	brings []string // what an answer must have that is worth an OK
}

// operations are of every shape there is: with a participant who changes and may do so
// once or always, with a list, with more than fits into one TLS record, without a body,
// with an argument in the path, with and without a GUID, and with one in the answer.
var operations = []operation{
	hold,
	unhold,
	mute,
	{conferences, "batchAddParticipant", "POST", "/batchaddparticipant", invitation(invited), nil},
	{conferences, "batchRemoveParticipant", "POST", "/batchremoveparticipant", strangers(), nil},
	{conferences, "queryAllConfIds", "GET", "/queryvdnconfid", "", nil},
	{sessions, "login", "PUT", "", phoneOfAgent, newGUID},
	{sessions, "forceLogin", "PUT", "/forcelogin", phoneOfAgent, newGUID},
	{sessions, "logout", "DELETE", "/logout", "", nil},
	{sessions, "updateGuid", "PUT", "/updateGuid", "", newGUID},
	{sessions, "handshake", "POST", "/handshake", "{}", newGUID},
	{sessions, "resetSkill", "POST", "/resetskill/true", `{"autoflag":true}`, nil},
	{events, "getAgentEvent", "GET", "", "{}", append([]string{signedIn}, newGUID...)},
}

var (
	hold   = operation{conferences, "holdParticipant", "POST", "/holdparticipant", thePhone + `,"voicePath":"y:/conf/120/wait.V3"}`, nil}
	unhold = operation{conferences, "unholdParticipant", "POST", "/unholdparticipant", thePhone + "}", nil}
	mute   = operation{conferences, "changeParticipantMode", "POST", "/changeparticipantmode", thePhone + `,"attribute":1}`, nil}
)

// thePhone begins every body that is about the one who is there.
const thePhone = `{"addressType":"6","address":"` + present + `"`

// phoneOfAgent is the body of a sign-in.
const phoneOfAgent = `{"password":"","phonenum":"4001"}`

// signedIn is the first event of every agent, and changed the one that confirms what
// was done to a participant.
const (
	signedIn = "AgentOther_InService"
	changed  = "AgentConf_ParticipantChanged"
)

// node is the gateway's name for itself, in which its GUIDs end.
const node = "AgentGateway1"

var newGUID = []string{"." + node}

func invitation(phone string) string {
	return `{"addresses":[{"addressType":"6","address":"` + phone + `"}]}`
}

// strangers are 30 who are not in the conference, which is no error.
func strangers() string {
	var list []string
	for i := range 30 {
		list = append(list, fmt.Sprintf(`{"addressType":"6","address":"%024d"}`, i))
	}
	return `{"addresses":[` + strings.Join(list, ",") + `]}`
}

// confirmed is op, waiting for its event.
func (op operation) confirmed(within time.Duration) operation {
	op.body = fmt.Sprintf(`%s,"confirmWithin":"%.3fs"}`, strings.TrimSuffix(op.body, "}"), within.Seconds())
	op.brings = []string{changed}
	return op
}

// awaits reports whether op waits for its event.
func (op operation) awaits() bool { return strings.Contains(op.body, "confirmWithin") }

// signsIn reports whether op is for who is not signed in yet, and so has no GUID.
func (op operation) signsIn() bool {
	return op.family == sessions && strings.HasSuffix(strings.ToLower(op.name), "login")
}

// inDialect is the method, the path and the body that the gateway's documentation has.
func (op operation) inDialect(agent string) (method, path, body string) {
	if op.family == conferences || op.signsIn() {
		body = op.body
	}
	return op.method, "/agentgateway/resource/" + op.family.path + "/" + agent + op.path, body
}

// inV1 is those of REST clients.
func (op operation) inV1(agent string) (method, path, body string) {
	method = "POST"
	if op.family == conferences {
		method = op.method
	}
	return method, "/v1/agents/" + agent + "/" + op.noun + ":" + op.name, op.body
}

// rpc is the name of the operation in the contract.
func (op operation) rpc() string { return strings.ToUpper(op.name[:1]) + op.name[1:] }

func (op operation) newMessage(kind string) proto.Message {
	name := agentconfv1.File_agentconf_v1_conference_proto.Package().Append(protoreflect.Name(op.rpc() + kind))
	m, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		panic(err)
	}
	return m.New().Interface()
}

func (op operation) request(agent string) proto.Message {
	m := op.newMessage("Request")
	if op.body != "" {
		if err := protojson.Unmarshal([]byte(op.body), m); err != nil {
			panic(err)
		}
	}
	r := m.ProtoReflect()
	r.Set(r.Descriptor().Fields().ByName("agent_id"), protoreflect.ValueOfString(agent))
	return m
}
