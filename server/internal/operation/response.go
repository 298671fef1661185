package operation

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"agentconf/server/internal/gateway"
)

// fill sets the fields of a response that every response has under the same name:
// message, retcode, result, and the guid that the gateway issued.
func fill(resp proto.Message, reply gateway.Reply) error {
	m := resp.ProtoReflect()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); f.Name() {
		case "message":
			m.Set(f, protoreflect.ValueOfString(reply.Message))
		case "retcode":
			m.Set(f, protoreflect.ValueOfString(reply.Retcode))
		case "guid":
			m.Set(f, protoreflect.ValueOfString(reply.GUID))
		case "result":
			result := m.NewField(f)
			if err := decodeResult(result.Message().Interface(), reply.Result); err != nil {
				return err
			}
			m.Set(f, result)
		}
	}
	return nil
}

// decodeResult reads the result of a reply. Unknown keys are ignored. A list may also
// come without the object around it, as page 0485 shows it both ways.
func decodeResult(result proto.Message, raw json.RawMessage) error {
	if object, ok := result.(*structpb.Struct); ok {
		decodeReserved(object, raw)
		return nil
	}
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

// decodeReserved reads a result that the gateway reserves for later. The contract has
// no place for anything but an object: object stays empty then.
func decodeReserved(object *structpb.Struct, raw json.RawMessage) {
	if len(raw) > len("{}") && raw[0] == '{' && protojson.Unmarshal(raw, object) != nil {
		proto.Reset(object)
	}
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
