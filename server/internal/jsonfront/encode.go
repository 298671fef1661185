package jsonfront

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// encodedJSON is a reply as it is written.
type encodedJSON []byte

// issuedGUIDField is the field for a GUID that the gateway has issued. The gateway's
// replies have the header Set-GUID instead.
const issuedGUIDField = "guid"

// encode returns m in JSON. Both dialects write fields that are zero, and no blanks:
// some clients compare replies byte by byte.
func (d dialect) encode(m proto.Message) encodedJSON {
	return d.appendMessage(make([]byte, 0, 256), m.ProtoReflect(), true)
}

func (d dialect) appendMessage(b []byte, m protoreflect.Message, isReply bool) []byte {
	switch open := m.Interface().(type) {
	case *structpb.Struct, *structpb.Value:
		return appendOpenValue(b, open)
	}
	b = append(b, '{')
	start := len(b)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.HasPresence() && !m.Has(f) || isReply && d == gateway && f.Name() == issuedGUIDField {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(appendString(b, f.JSONName()), ':')
		if f.IsList() {
			b = d.appendList(b, f, m.Get(f).List())
		} else {
			b = d.appendValue(b, f, m.Get(f))
		}
	}
	return append(b, '}')
}

func (d dialect) appendList(b []byte, f protoreflect.FieldDescriptor, list protoreflect.List) []byte {
	b = append(b, '[')
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = d.appendValue(b, f, list.Get(i))
	}
	return append(b, ']')
}

// appendValue appends a value of one of the kinds that replies of the contract have.
func (d dialect) appendValue(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return d.appendMessage(b, v.Message(), false)
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	case protoreflect.Int64Kind:
		if d == rest {
			return append(strconv.AppendInt(append(b, '"'), v.Int(), 10), '"')
		}
	}
	return strconv.AppendInt(b, v.Int(), 10)
}

// appendString appends s in quotes. Most strings need no escapes.
func appendString(b []byte, s string) []byte {
	if !strings.ContainsFunc(s, needsEscape) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // impossible for a string
		panic(err)
	}
	return append(b, quoted...)
}

func needsEscape(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r)
}

// appendOpenValue appends JSON whose form the contract does not define.
func appendOpenValue(b []byte, m proto.Message) []byte {
	if object, ok := m.(*structpb.Struct); ok && len(object.GetFields()) == 0 {
		return append(b, "{}"...)
	}
	return appendProtoJSON(b, m)
}

// appendProtoJSON appends m as protojson encodes it, without the blanks that protojson
// inserts at random.
func appendProtoJSON(b []byte, m proto.Message) []byte {
	text, err := protojson.Marshal(m)
	if err != nil { // m was not read from JSON, or a detail's type is not linked in
		panic(err)
	}
	out := bytes.NewBuffer(b)
	if err := json.Compact(out, text); err != nil {
		panic(err)
	}
	return out.Bytes()
}
