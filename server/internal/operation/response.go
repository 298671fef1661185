package operation

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"agentconf/server/internal/gateway"
)

// Envelope points to the fields of a response that take the envelope of a reply. It
// spares the reflection that filling in a message by name would cost.
type Envelope struct {
	message, retcode *string
	reserved         **structpb.Struct // nil for a response without a reserved result
	result           proto.Message     // nil for a response without a documented result
	guid             *string           // nil for a response without a GUID
}

// NoResult is the envelope of a response without a result.
func NoResult(message, retcode *string) Envelope {
	return Envelope{message: message, retcode: retcode}
}

// Reserved is the envelope of a response whose result the gateway reserves for later.
func Reserved(message, retcode *string, result **structpb.Struct) Envelope {
	return Envelope{message: message, retcode: retcode, reserved: result}
}

// Documented is the envelope of a response whose result is documented. result is an
// empty message.
func Documented(message, retcode *string, result proto.Message) Envelope {
	return Envelope{message: message, retcode: retcode, result: result}
}

// WithGUID returns e for a response that takes the GUID that the gateway issued.
func (e Envelope) WithGUID(guid *string) Envelope {
	e.guid = guid
	return e
}

func (e Envelope) fill(reply gateway.Reply) error {
	*e.message, *e.retcode = reply.Message, reply.Retcode
	if e.guid != nil {
		*e.guid = reply.GUID
	}
	if e.reserved != nil {
		*e.reserved = decodeReserved(reply.Result)
	}
	if e.result != nil {
		return decodeResult(e.result, reply.Result)
	}
	return nil
}

// decodeResult reads the result of a reply. Unknown keys are ignored. A list may also
// come without the object around it, as page 0485 shows it both ways.
func decodeResult(result proto.Message, raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	fields := result.ProtoReflect().Descriptor().Fields()
	if raw[0] == '[' && fields.Len() == 1 && fields.Get(0).IsList() {
		raw = json.RawMessage(`{"` + fields.Get(0).JSONName() + `":` + string(raw) + `}`)
	}
	if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, result) != nil {
		// The error of protojson repeats what the gateway sent.
		return Unreadable("the result is not one of this operation")
	}
	return nil
}

// decodeReserved returns a reserved result. The contract has no place for anything but
// an object: anything else becomes an empty one.
func decodeReserved(raw json.RawMessage) *structpb.Struct {
	object := &structpb.Struct{}
	if len(raw) > len("{}") && raw[0] == '{' && protojson.Unmarshal(raw, object) != nil {
		proto.Reset(object)
	}
	return object
}

// Unreadable returns the error of a reply that cannot be trusted. text must not repeat
// any of it.
func Unreadable(text string) error {
	return &gateway.Error{Kind: gateway.Broken, Err: errors.New(text)}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// refusalResult returns what is passed on of the result of a refusal: the key that is
// documented (page 0481). Anything else may repeat confidential fields.
func refusalResult(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	var result struct {
		ErrorReason *int32 `json:"errorReason,omitempty"`
	}
	if json.Unmarshal(raw, &result) != nil {
		result.ErrorReason = nil // encoding/json has set it to 0
	}
	documented, err := json.Marshal(result)
	if err != nil { // a number always encodes
		panic(err)
	}
	return documented
}
