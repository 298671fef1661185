package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// written is a response in JSON, as it goes out.
type written []byte

// style is how a response is written. Both write every field, also those that are
// zero, and no blanks: some clients compare answers byte by byte.
type style int

const (
	// asProtobuf is the JSON of protobuf: numbers of 64 bits are texts.
	asProtobuf style = iota

	// asGateway is what the gateway would have written: numbers are numbers, and
	// nothing is there that the gateway does not have.
	asGateway
)

// write turns a response into JSON, in the style of its path, or a message of a
// stream into a server-sent event.
func write(ctx context.Context, response proto.Message) (any, error) {
	if watched, ok := response.(*agentconfv1.WatchAgentEventsResponse); ok {
		return frame(watched), nil
	}
	s := asProtobuf
	if inDialect(ctx) {
		s = asGateway
	}
	return s.write(response), nil
}

func (s style) write(m proto.Message) written {
	return s.appendMessage(make([]byte, 0, 256), m.ProtoReflect(), true)
}

// header is the field that a response has besides what the gateway's has; in its
// dialect it is the header Set-GUID.
const header = "guid"

func (s style) appendMessage(b []byte, m protoreflect.Message, top bool) []byte {
	switch any := m.Interface().(type) {
	case *structpb.Struct, *structpb.Value:
		return appendAny(b, any)
	}
	b = append(b, '{')
	start := len(b)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.HasPresence() && !m.Has(f) || top && s == asGateway && f.Name() == header {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(appendString(b, f.JSONName()), ':')
		if f.IsList() {
			b = s.appendList(b, f, m.Get(f).List())
		} else {
			b = s.appendValue(b, f, m.Get(f))
		}
	}
	return append(b, '}')
}

func (s style) appendList(b []byte, f protoreflect.FieldDescriptor, list protoreflect.List) []byte {
	b = append(b, '[')
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendValue(b, f, list.Get(i))
	}
	return append(b, ']')
}

func (s style) appendValue(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return s.appendMessage(b, v.Message(), false)
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	case protoreflect.Int64Kind:
		if s == asProtobuf {
			return append(strconv.AppendInt(append(b, '"'), v.Int(), 10), '"')
		}
	}
	return strconv.AppendInt(b, v.Int(), 10) // the contract has no other kind
}

// appendString quotes s. Most texts have nothing that would have to be escaped.
func appendString(b []byte, s string) []byte {
	if !strings.ContainsFunc(s, needsEscape) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // of a string, there is none
		panic(err)
	}
	return append(b, quoted...)
}

func needsEscape(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r)
}

// appendAny writes what the gateway left open.
func appendAny(b []byte, any proto.Message) []byte {
	if object, ok := any.(*structpb.Struct); ok && len(object.GetFields()) == 0 {
		return append(b, "{}"...)
	}
	return appendJSON(b, any)
}

// appendJSON writes m as protojson does, without the blanks that it puts in at random.
func appendJSON(b []byte, m proto.Message) []byte {
	text, err := protojson.Marshal(m)
	if err != nil { // only for what no JSON was read from, or a detail that is not linked in
		panic(err)
	}
	out := bytes.NewBuffer(b)
	if err := json.Compact(out, text); err != nil {
		panic(err)
	}
	return out.Bytes()
}
