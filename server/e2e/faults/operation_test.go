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

// The phone numbers of a conference.
const (
	participantPhone = "88887946" // in the conference
	invitedPhone     = "88887947" // not in it yet
)

// family is a group of operations with common names and paths.
type family struct {
	service string // of the contract
	path    string // segment of the gateway's paths
	noun    string // segment of the paths of REST
}

var (
	conferences = family{"ConferenceService", "agentconf", "conference"}
	sessions    = family{"SessionService", "onlineagent", "session"}
	events      = family{"EventService", "agentevent", "events"}
)

// operation is an operation of the gateway, with arguments that the gateway accepts.
type operation struct {
	family
	name     string // the gateway's
	method   string
	path     string   // after the agent ID
	body     string   // of the contract
	contents []string // texts in every complete successful reply
}

// operations have all shapes: they apply once or any number of times; with a list; with a body that exceeds
// a TLS record; without a body; with an argument in the path; without a GUID; with a GUID in the reply.
var operations = []operation{
	hold,
	unhold,
	mute,
	{conferences, "batchAddParticipant", "POST", "/batchaddparticipant", invitation(invitedPhone), nil},
	{conferences, "batchRemoveParticipant", "POST", "/batchremoveparticipant", unknownPhones(), nil},
	{conferences, "queryAllConfIds", "GET", "/queryvdnconfid", "", nil},
	{sessions, "login", "PUT", "", signInBody, newGUID},
	{sessions, "forceLogin", "PUT", "/forcelogin", signInBody, newGUID},
	{sessions, "logout", "DELETE", "/logout", "", nil},
	{sessions, "updateGuid", "PUT", "/updateGuid", "", newGUID},
	{sessions, "handshake", "POST", "/handshake", "{}", newGUID},
	{sessions, "resetSkill", "POST", "/resetskill/true", `{"autoflag":true}`, nil},
	{events, "getAgentEvent", "GET", "", "{}", append([]string{signedIn}, newGUID...)},
}

var (
	hold = operation{conferences, "holdParticipant", "POST", "/holdparticipant",
		participant + `,"voicePath":"y:/conf/120/wait.V3"}`, nil}
	unhold = operation{conferences, "unholdParticipant", "POST", "/unholdparticipant", participant + "}", nil}
	mute   = operation{conferences, "changeParticipantMode", "POST", "/changeparticipantmode",
		participant + `,"attribute":1}`, nil}
)

// participant is the start of the bodies of hold, unhold and mute.
const participant = `{"addressType":"6","address":"` + participantPhone + `"`

const (
	agentPhone = "4001"
	signInBody = `{"password":"","phonenum":"` + agentPhone + `"}`
)

const (
	signedIn           = "AgentOther_InService"         // the first event of every agent
	participantChanged = "AgentConf_ParticipantChanged" // confirms hold, unhold and mute
)

// node is the gateway's node name, the last part of its GUIDs.
const node = "AgentGateway1"

var newGUID = []string{"." + node}

func invitation(phone string) string {
	return `{"addresses":[{"addressType":"6","address":"` + phone + `"}]}`
}

// unknownPhones is a body of 30 phones outside the conference. Their removal is no error.
func unknownPhones() string {
	var list []string
	for i := range 30 {
		list = append(list, fmt.Sprintf(`{"addressType":"6","address":"%024d"}`, i))
	}
	return `{"addresses":[` + strings.Join(list, ",") + `]}`
}

// confirmedWithin returns op with confirm_within.
func (op operation) confirmedWithin(d time.Duration) operation {
	op.body = fmt.Sprintf(`%s,"confirmWithin":"%.3fs"}`, strings.TrimSuffix(op.body, "}"), d.Seconds())
	op.contents = []string{participantChanged}
	return op
}

// awaitsEvent reports whether op has confirm_within.
func (op operation) awaitsEvent() bool { return strings.Contains(op.body, "confirmWithin") }

// isSignIn reports whether op is a sign-in, which needs no GUID.
func (op operation) isSignIn() bool {
	return op.family == sessions && strings.HasSuffix(strings.ToLower(op.name), "login")
}

// dialectRequest returns the request of the gateway's documentation.
func (op operation) dialectRequest(agent string) (method, path, body string) {
	if op.family == conferences || op.isSignIn() {
		body = op.body
	}
	return op.method, "/agentgateway/resource/" + op.family.path + "/" + agent + op.path, body
}

func (op operation) restRequest(agent string) (method, path, body string) {
	method = "POST"
	if op.family == conferences {
		method = op.method
	}
	return method, "/v1/agents/" + agent + "/" + op.noun + ":" + op.name, op.body
}

// rpc returns the name of the operation in the contract.
func (op operation) rpc() string { return strings.ToUpper(op.name[:1]) + op.name[1:] }

// newMessage returns an empty message of the operation's RPC. kind is Request or Response.
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

// successOutcome returns the outcome of a reply without an error. A reply without a retcode of 0, or without
// the contents of the operation, has no outcome.
func (op operation) successOutcome(retcode, reply string) (o outcome, text string) {
	if retcode != "0" {
		return noOutcome, "OK with retcode " + retcode
	}
	for _, content := range op.contents {
		if !strings.Contains(reply, content) {
			return noOutcome, "OK without " + content
		}
	}
	if op.awaitsEvent() {
		return confirmed, string(confirmed)
	}
	return applied, string(applied)
}
