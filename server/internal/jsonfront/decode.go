package jsonfront

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"agentconf/server/internal/jsonobject"
	"agentconf/server/internal/outcome"
)

// pathField is the field that every binding takes from the path. The generated code
// would silently overwrite its value from a body.
const pathField = "agent_id"

// decoder sets the fields of messages from JSON, and collects every violation: protojson
// reports one fault at a time, and repeats the value. Unknown and repeated members are
// violations, too: two readers of a repeated member may take different values.
type decoder struct {
	tolerant   *inboundRequest // of the gateway dialect; nil for a strict decoder
	violations []outcome.Violation
}

// decode sets the fields of m, which is new, from a body.
func (d *decoder) decode(data []byte, m proto.Message) {
	if !jsonobject.Valid(data) {
		d.violations = explainMalformed(data)
		return
	}
	d.setMembers(m.ProtoReflect(), data, "")
}

// setMembers sets the fields of m from a JSON object. path is the object's place in the body,
// such as "addresses[0].", and empty for the body.
func (d *decoder) setMembers(m protoreflect.Message, object []byte, path string) {
	fields := m.Descriptor().Fields()
	seen := make([]bool, fields.Len()) // by index of the field
	// The plain values go into m together, in the wire format: protobuf reads it without the
	// two allocations of each value that is set by reflection. 128 bytes are enough for most.
	plain := make([]byte, 0, 128)
	for name, value := range jsonobject.Members(object) {
		field := findField(fields, name)
		use, fault := d.admit(field, name, path, seen)
		if use {
			var read bool
			if plain, read = appendPlain(plain, field, value); !read && !d.setUnusual(m, field, value, path) {
				fault = "must be " + kindName(field)
			}
		}
		if fault != "" {
			v := outcome.Violation{Field: path + memberName(field, name), Description: fault}
			d.violations = append(d.violations, v)
		}
	}
	_ = proto.UnmarshalOptions{Merge: true}.Unmarshal(plain, m.Interface()) // appendPlain wrote it
}

// violateBody returns a violation of the body as a whole.
func violateBody(format string, args ...any) []outcome.Violation {
	return []outcome.Violation{{Field: "body", Description: fmt.Sprintf(format, args...)}}
}

// explainMalformed returns the reason why data is not a JSON object. A byte's position is
// the most that a caller learns of its own text, which no error repeats.
func explainMalformed(data []byte) []outcome.Violation {
	dec := json.NewDecoder(bytes.NewReader(data))
	var first json.RawMessage
	var syntax *json.SyntaxError
	switch err := dec.Decode(&first); {
	case err == io.EOF:
		return violateBody("is empty; it must be a JSON object")
	case errors.As(err, &syntax):
		return violateBody("is not valid JSON from byte %d on", syntax.Offset)
	case err != nil:
		return violateBody("is cut short: its JSON has no end")
	case first[0] != '{':
		return violateBody("must be a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return violateBody("has text after the JSON object")
	}
	return violateBody("is not in UTF-8")
}

// admit reports whether a member sets a field, which is nil if no field has its name. fault is
// the fault of the member, or "". seen has an element for each field that was set.
func (d *decoder) admit(
	field protoreflect.FieldDescriptor, name []byte, path string, seen []bool,
) (use bool, fault string) {
	switch {
	case field == nil && d.tolerant != nil:
		d.tolerant.tolerate(unknownField, path+memberName(nil, name))
		return false, ""
	case field == nil:
		return false, "is not a field of this request"
	case field.Name() == pathField && d.tolerant != nil:
		d.tolerant.tolerate(agentIDInBody, field.JSONName())
		return false, ""
	case field.Name() == pathField:
		return false, "must be in the path, not in the body"
	case seen[field.Index()]:
		return false, "occurs twice"
	}
	seen[field.Index()] = true
	return true, ""
}

// setUnusual sets a field to a value that appendPlain cannot read, and reports whether it
// could.
func (d *decoder) setUnusual(
	m protoreflect.Message, field protoreflect.FieldDescriptor, value []byte, path string,
) bool {
	if field.IsList() && field.Kind() == protoreflect.MessageKind {
		return d.setMessages(m.Mutable(field).List(), value, path+field.JSONName())
	}
	if d.tolerant != nil && d.tolerant.convert(m, field, value) {
		return true
	}
	return setFromJSON(m, field, value)
}

// setMessages appends the objects of a JSON array to list, and reports whether value is an
// array. name is the place of the array in the body.
func (d *decoder) setMessages(list protoreflect.List, value []byte, name string) bool {
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		return false
	}
	for i, item := range items {
		place := fmt.Sprintf("%s[%d]", name, i)
		if !jsonobject.Valid(item) {
			d.violations = append(d.violations, outcome.Violation{Field: place, Description: "must be an object"})
			continue
		}
		d.setMembers(list.AppendMutable().Message(), item, place+".")
	}
	return true
}

// findField returns the field with a name in JSON or in the proto, or nil. The name is
// in its quotes.
func findField(fields protoreflect.FieldDescriptors, name []byte) protoreflect.FieldDescriptor {
	plain, ok := jsonobject.Plain(name)
	if !ok {
		plain = []byte(unquote(name))
	}
	for i := range fields.Len() {
		if f := fields.Get(i); f.JSONName() == string(plain) || f.TextName() == string(plain) {
			return f
		}
	}
	return nil
}

// appendPlain appends a field in the wire format if its value needs no decoding, and reports
// whether it did. A truth value may be in quotes, as in the gateway's own example of a sign-in
// ("releasephone":"false", page 1202).
func appendPlain(wire []byte, field protoreflect.FieldDescriptor, value []byte) ([]byte, bool) {
	switch kind := field.Kind(); {
	case string(value) == "null":
		return wire, true // the same as no member
	case field.IsList():
		return wire, false
	case kind == protoreflect.StringKind:
		text, plain := jsonobject.Plain(value)
		if plain {
			wire = protowire.AppendTag(wire, field.Number(), protowire.BytesType)
			wire = protowire.AppendBytes(wire, text)
		}
		return wire, plain
	case kind == protoreflect.BoolKind:
		is := slices.Index([]string{"false", "true", `"false"`, `"true"`}, string(value))
		if is >= 0 {
			wire = protowire.AppendTag(wire, field.Number(), protowire.VarintType)
			wire = protowire.AppendVarint(wire, protowire.EncodeBool(is%2 == 1))
		}
		return wire, is >= 0
	case kind == protoreflect.Int32Kind:
		n, err := strconv.ParseInt(string(value), 10, 32)
		if err == nil {
			wire = protowire.AppendTag(wire, field.Number(), protowire.VarintType)
			wire = protowire.AppendVarint(wire, uint64(n))
		}
		return wire, err == nil
	}
	return wire, false
}

// setFromJSON sets a field by protojson, and reports whether it could. It is for lists,
// messages, and values in an unusual form, such as a string with escapes or a number in
// quotes. protojson needs an object around the value.
func setFromJSON(m protoreflect.Message, field protoreflect.FieldDescriptor, value []byte) bool {
	alone := m.New()
	object := fmt.Appendf(nil, "{%q:%s}", field.JSONName(), value)
	if protojson.Unmarshal(object, alone.Interface()) != nil {
		return false
	}
	if alone.Has(field) {
		m.Set(field, alone.Get(field))
	}
	return true
}

// unquote returns the text of a valid JSON string.
func unquote(quoted []byte) (text string) {
	_ = json.Unmarshal(quoted, &text)
	return text
}

// kindName returns what the value of a field has to be.
func kindName(field protoreflect.FieldDescriptor) string {
	switch kind := field.Kind(); {
	case field.IsList():
		return "an array"
	case kind == protoreflect.StringKind:
		return "a string"
	case kind == protoreflect.BoolKind:
		return "true or false"
	case kind == protoreflect.MessageKind:
		return "an object"
	}
	return "a whole number"
}

// memberName returns the name that an error has for a member, which has a field or none.
func memberName(field protoreflect.FieldDescriptor, name []byte) string {
	if field != nil {
		return field.JSONName()
	}
	return identifierOr(unquote(name), "body")
}
