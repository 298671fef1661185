package faults

import (
	"encoding/json"
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

// operation is one of the gateway, with arguments that it accepts.
type operation struct {
	name   string // the gateway's
	method string
	path   string
	body   string
}

// operations are of every shape there is: with a participant who changes and may do so
// once or always, with a list, with more than fits into one TLS record, and without a
// body.
var operations = []operation{
	{"holdParticipant", "POST", "holdparticipant", thePhone + `,"voicePath":"y:/conf/120/wait.V3"}`},
	{"unholdParticipant", "POST", "unholdparticipant", thePhone + "}"},
	{"changeParticipantMode", "POST", "changeparticipantmode", thePhone + `,"attribute":1}`},
	{"batchAddParticipant", "POST", "batchaddparticipant", invitation(invited)},
	{"batchRemoveParticipant", "POST", "batchremoveparticipant", strangers()},
	{"queryAllConfIds", "GET", "queryvdnconfid", ""},
}

// thePhone begins every body that is about the one who is there.
const thePhone = `{"addressType":"6","address":"` + present + `"`

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

// call is one call, by an agent of its own, so that both logs tell it from all others.
type call struct {
	op       operation
	front    front
	agent    string
	guid     string
	deadline time.Duration
	gone     bool      // the caller does not wait for the answer
	want     []verdict // what the caller may be told; nil is anything

	told   verdict // to the caller
	text   string  // in full
	took   time.Duration
	logged verdict       // by agentconf
	spent  time.Duration // by agentconf, as logged
}

func (k *call) String() string { return k.op.name + " by " + k.front.name() }

// late reports whether k ended long after its deadline, for a caller that waited or for
// agentconf.
func (k *call) late() bool {
	end := k.deadline + lateness
	return k.spent > end || !k.gone && k.took > end
}

// lie is what is wrong with k, of which the gateway knows t. An error that does not say
// the outcome is a lie, too, unless the caller did not wait for it.
func (k *call) lie(t truth) string {
	if k.told == silence && !k.gone {
		return "no outcome was told: " + k.text
	}
	if lie := k.told.lie(t); lie != "" {
		return "told " + lie
	}
	if lie := k.logged.lie(t); lie != "" {
		return "logged " + lie
	}
	return ""
}

// access is agentconf's line of log about a call.
type access struct {
	Msg, Agent, Code, Outcome, Reason string
	Took                              time.Duration
}

// verdict is what the line says.
func (a access) verdict() verdict {
	switch {
	case a.Code == "OK":
		return applied
	case a.Code == "Unavailable", a.Reason == "CALL_CANCELLED":
		return notReached
	}
	return outcome(a.Outcome)
}

// outcome is the verdict that the metadata of an error has.
func outcome(text string) verdict {
	if v := verdict(text); v == notApplied || v == unknown {
		return v
	}
	return silence
}

// accessLog is what log says of every agent.
func accessLog(log string) map[string]access {
	said := map[string]access{}
	for line := range strings.Lines(log) {
		var a access
		if json.Unmarshal([]byte(line), &a) == nil && a.Msg == "call" && a.Agent != "" {
			said[a.Agent] = a
		}
	}
	return said
}
