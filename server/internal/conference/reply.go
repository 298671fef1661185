package conference

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
)

// answer is what the gateway answered.
type answer struct {
	gateway.Reply
	polled *agentconfv1.PolledEvent // of a poll
	event  *agentconfv1.AgentEvent  // that confirms the operation, if one was awaited
}

// into reads the result of an answer, of which unknown keys are ignored. A list may
// also come bare, as page 0485 has it both ways. The error is that of an answer that
// cannot be trusted.
func into(result proto.Message) func(*answer) error {
	return func(a *answer) error {
		raw := a.Result
		if len(raw) == 0 || string(raw) == "null" {
			return nil
		}
		fields := result.ProtoReflect().Descriptor().Fields()
		if raw[0] == '[' && fields.Len() == 1 && fields.Get(0).IsList() {
			raw = json.RawMessage(`{"` + fields.Get(0).JSONName() + `":` + string(raw) + `}`)
		}
		err := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(raw, result)
		if err != nil { // which would repeat what the gateway sent
			return &gateway.Error{Kind: gateway.Broken, Err: errors.New("the result is not one of this operation")}
		}
		return nil
	}
}

// reserved is a result that the gateway has reserved for later: an object is passed
// on, anything else has no place in the contract and becomes an empty one.
func (a *answer) reserved() *structpb.Struct {
	object := &structpb.Struct{}
	if len(a.Result) > len("{}") && a.Result[0] == '{' && protojson.Unmarshal(a.Result, object) != nil {
		proto.Reset(object)
	}
	return object
}

// refusal is the result of a refused call, of which only what is documented is passed on
// (page 0481): anything else may repeat what the request said in confidence.
func refusal(raw json.RawMessage) json.RawMessage {
	var result struct {
		ErrorReason *int32 `json:"errorReason,omitempty"`
	}
	if raw == nil {
		return nil
	}
	_ = json.Unmarshal(raw, &result) // or it is another, and stays empty
	documented, err := json.Marshal(result)
	if err != nil { // of a number, there is none
		panic(err)
	}
	return documented
}
