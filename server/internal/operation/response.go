package operation

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"agentconf/server/internal/gateway"
)

// Response is the place of the reply to an operation: a message of the contract, and pointers
// to those of its fields that take the envelope of the reply (page 0473). The pointers
// spare the reflection that filling in a message by name would cost. Reserved, Documented
// and NoResult return a Response; its zero value is not usable.
type Response[R proto.Message] struct {
	message R
	envelope
}

type envelope struct {
	text, retcode *string
	reserved      **structpb.Struct // nil for a response without a reserved result
	result        proto.Message     // nil for a response without a documented result
	guid          *string           // nil for a response without the GUID of Set-GUID
	needGUID      bool              // an answer without that GUID is no success
	resultGUID    *string           // GUID in result; nil for a result without one
	read          func(gateway.Reply) error
	setCookie     *[]string // nil if the call that is sent has a caller of its own
}

// NoResult returns the Response of a message without a result.
func NoResult[R proto.Message](message R, text, retcode *string) Response[R] {
	return Response[R]{message, envelope{text: text, retcode: retcode}}
}

// Reserved returns the Response of a message whose result the gateway reserves for later.
// The result is passed on if it is a JSON object; anything else becomes an empty one.
func Reserved[R proto.Message](message R, text, retcode *string, result **structpb.Struct) Response[R] {
	return Response[R]{message, envelope{text: text, retcode: retcode, reserved: result}}
}

// Documented returns the Response of a message whose result is documented. result is an
// empty message. A result of another shape makes the outcome unknown.
func Documented[R proto.Message](message R, text, retcode *string, result proto.Message) Response[R] {
	return Response[R]{message, envelope{text: text, retcode: retcode, result: result}}
}

// WithGUID returns r for a message that takes the GUID that the gateway may issue with the
// reply. The message has no GUID if the gateway issued none. An unusable one makes the
// outcome unknown.
func (r Response[R]) WithGUID(guid *string) Response[R] {
	r.guid = guid
	return r
}

// WithNewGUID is like WithGUID for an operation that always issues a GUID. A missing one
// makes the outcome unknown, too.
func (r Response[R]) WithNewGUID(guid *string) Response[R] {
	r.guid, r.needGUID = guid, true
	return r
}

// WithResultGUID returns r for a documented result that always has a new GUID. guid is its
// field. A missing or unusable GUID makes the outcome unknown.
func (r Response[R]) WithResultGUID(guid *string) Response[R] {
	r.resultGUID = guid
	return r
}

// WithRead returns r for a message that takes more of the reply than its envelope. read
// sees the reply of an accepted operation only. An error of read makes the outcome unknown.
func (r Response[R]) WithRead(read func(gateway.Reply) error) Response[R] {
	r.read = read
	return r
}

// WithSetCookie returns r for an operation that is sent without a caller. setCookie takes the
// cookies that the gateway set, also with a refusal, for the callers who wait for the answer.
func (r Response[R]) WithSetCookie(setCookie *[]string) Response[R] {
	r.setCookie = setCookie
	return r
}

// fill fills in the message with the reply to an accepted operation. It returns the usable
// GUID that the gateway issued, if any, also with an error. It takes the GUID last, so that
// read has seen the reply even if its GUID is unusable.
func (e envelope) fill(reply gateway.Reply) (issued string, err error) {
	*e.text, *e.retcode = reply.Message, reply.Retcode
	if e.reserved != nil {
		*e.reserved = decodeReserved(reply.Result)
	}
	if e.result != nil {
		if err := decodeResult(e.result, reply.Result); err != nil {
			return reply.GUID, err
		}
	}
	if e.read != nil {
		if err := e.read(reply); err != nil {
			return reply.GUID, err
		}
	}
	return e.takeGUID(reply)
}

// takeGUID fills in the GUID. Its error makes the outcome unknown: the session may have
// another GUID now, which the caller does not get.
func (e envelope) takeGUID(reply gateway.Reply) (issued string, err error) {
	switch {
	case e.resultGUID != nil:
		if err := gateway.CheckGUID(*e.resultGUID); err != nil {
			return reply.GUID, Unreadable("the new GUID is unusable: " + err.Error())
		}
		return *e.resultGUID, nil
	case e.guid == nil:
		return reply.GUID, nil
	case reply.GUIDFault != nil:
		return "", Unreadable(reply.GUIDFault.Error())
	case e.needGUID && reply.GUID == "":
		return "", Unreadable("the answer brought no GUID")
	}
	*e.guid = reply.GUID
	return reply.GUID, nil
}

// decodeResult decodes the result of a reply into an empty message. Unknown keys are
// ignored. Page 0485 contradicts itself: its table calls the result a list, its sample has
// an object around the list. Both are accepted for every result of a single list.
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

// decodeReserved returns a reserved result. No page says what it will be, so that a result
// of another shape is no error: the gateway has accepted the operation.
func decodeReserved(raw json.RawMessage) *structpb.Struct {
	object := &structpb.Struct{}
	if len(raw) > len("{}") && raw[0] == '{' && protojson.Unmarshal(raw, object) != nil {
		proto.Reset(object)
	}
	return object
}

// Unreadable returns the error of a reply that cannot be trusted, for a function of
// WithRead. Its outcome is unknown. text must not repeat the reply, since it is logged.
func Unreadable(text string) error {
	return &gateway.Error{Kind: gateway.Broken, Err: errors.New(text)}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// refusalResult returns the result of a refusal with its documented key only, the code of
// the device that queues calls (page 0481). Other keys may repeat confidential fields.
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
