package conference

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/agentgateway"
)

// The fields that every response of the contract begins with.
const (
	messageField = 1
	retcodeField = 2
	resultField  = 3
	eventField   = 4 // of calls that an event can confirm
)

// read puts the gateway's answer into resp. The error is that of an answer that
// cannot be trusted.
func read(reply agentgateway.Reply, resp proto.Message) error {
	m := resp.ProtoReflect()
	fields := m.Descriptor().Fields()
	m.Set(fields.ByNumber(messageField), protoreflect.ValueOfString(reply.Message))
	m.Set(fields.ByNumber(retcodeField), protoreflect.ValueOfString(reply.Retcode))
	if guid := fields.ByName("guid"); guid != nil {
		m.Set(guid, protoreflect.ValueOfString(reply.GUID))
	}
	if polled, ok := resp.(*agentconfv1.GetAgentEventResponse); ok {
		var err error
		if polled.Event, err = readEvent(reply.Event); err != nil {
			return err
		}
	}
	result := fields.ByNumber(resultField)
	if result == nil {
		return nil
	}
	return readResult(reply.Result, m.Mutable(result).Message())
}

// readResult reads the result of an answer, of which unknown keys are ignored. A
// list may also come bare, as page 0485 has it both ways.
func readResult(raw json.RawMessage, result protoreflect.Message) error {
	if object, ok := result.Interface().(*structpb.Struct); ok {
		reserved(raw, object)
		return nil
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	fields := result.Descriptor().Fields()
	if raw[0] == '[' && fields.Len() == 1 && fields.Get(0).IsList() {
		raw = json.RawMessage(`{"` + fields.Get(0).JSONName() + `":` + string(raw) + `}`)
	}
	err := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(raw, result.Interface())
	if err != nil { // which would repeat what the gateway sent
		return &agentgateway.Error{Kind: agentgateway.Broken, Err: errors.New("the result is not one of this operation")}
	}
	return nil
}

// reserved reads a result that the gateway has reserved for later: an object is
// passed on, anything else has no place in the contract and becomes an empty one.
func reserved(raw json.RawMessage, object *structpb.Struct) {
	if len(raw) == 0 || raw[0] != '{' || protojson.Unmarshal(raw, object) != nil {
		proto.Reset(object)
	}
}
