package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"agentconf/server/internal/conference"
	"agentconf/server/internal/jsonobject"
)

// fromPath is the field that the path of every binding has. In a body it would
// be overwritten without a word, so it is refused there.
const fromPath = "agent_id"

// decode reads a JSON body into m, which is new, and returns everything that is wrong
// with it: nothing is ignored and nothing is guessed. protojson alone would not do: it
// names one fault, and repeats the value.
func decode(read func() ([]byte, error), m proto.Message) []conference.Violation {
	data, err := read()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return body("is larger than %d bytes", tooLarge.Limit)
	case err != nil:
		return body("did not arrive whole")
	case !jsonobject.Valid(data):
		return malformed(data)
	}
	var faults []conference.Violation
	r := m.ProtoReflect()
	seen := make([]bool, r.Descriptor().Fields().Len())
	for name, value := range jsonobject.Members(data) {
		field := fieldOf(r.Descriptor().Fields(), name)
		if fault := setMember(r, field, value, seen); fault != "" {
			faults = append(faults, conference.Violation{Field: nameOf(field, name), Description: fault})
		}
	}
	return faults
}

func body(format string, args ...any) []conference.Violation {
	return []conference.Violation{{Field: "body", Description: fmt.Sprintf(format, args...)}}
}

// malformed says why data is no JSON object.
func malformed(data []byte) []conference.Violation {
	dec := json.NewDecoder(bytes.NewReader(data))
	var first json.RawMessage
	var syntax *json.SyntaxError
	switch err := dec.Decode(&first); {
	case err == io.EOF:
		return body("is empty; it must be a JSON object")
	case errors.As(err, &syntax):
		return body("is not valid JSON from byte %d on", syntax.Offset)
	case err != nil:
		return body("is cut short: its JSON has no end")
	case first[0] != '{':
		return body("must be a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return body("goes on behind the JSON object")
	}
	return body("is not in UTF-8")
}

// setMember sets a field, which is nil if there is none of the member's name, and
// says what is wrong with that, if anything is. seen is by the index of fields.
func setMember(m protoreflect.Message, field protoreflect.FieldDescriptor, value []byte, seen []bool) (fault string) {
	switch {
	case field == nil:
		return "is not a field of this request"
	case field.Name() == fromPath:
		return "belongs into the path, not into the body"
	case seen[field.Index()]:
		return "is there twice"
	}
	seen[field.Index()] = true
	if !setSimple(m, field, value) && !setOther(m, field, value) {
		return "must be " + kindName(field)
	}
	return ""
}

// fieldOf is the field with that name, in JSON or in the proto, or nil. The name is in
// its quotes.
func fieldOf(fields protoreflect.FieldDescriptors, name []byte) protoreflect.FieldDescriptor {
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

// setSimple sets a field to a value that needs no decoding, and reports whether it
// did. Truth values come in quotes, too, as in the gateway's own example of a sign-in
// ("releasephone":"false", page 1202).
func setSimple(m protoreflect.Message, field protoreflect.FieldDescriptor, value []byte) bool {
	switch kind := field.Kind(); {
	case string(value) == "null":
		return true // left out
	case field.IsList():
		return false
	case kind == protoreflect.StringKind:
		text, plain := jsonobject.Plain(value)
		if plain {
			m.Set(field, protoreflect.ValueOfString(string(text)))
		}
		return plain
	case kind == protoreflect.BoolKind:
		is := slices.Index([]string{"false", "true", `"false"`, `"true"`}, string(value))
		if is >= 0 {
			m.Set(field, protoreflect.ValueOfBool(is%2 == 1))
		}
		return is >= 0
	case kind == protoreflect.Int32Kind:
		n, err := strconv.ParseInt(string(value), 10, 32)
		if err == nil {
			m.Set(field, protoreflect.ValueOfInt32(int32(n)))
		}
		return err == nil
	}
	return false
}

// setOther leaves a value to protojson.
func setOther(m protoreflect.Message, field protoreflect.FieldDescriptor, value []byte) bool {
	alone := m.New()
	text := fmt.Appendf(nil, "{%q:%s}", field.JSONName(), value)
	if protojson.Unmarshal(text, alone.Interface()) != nil {
		return false
	}
	if alone.Has(field) {
		m.Set(field, alone.Get(field))
	}
	return true
}

// unquote is the text of a JSON string.
func unquote(quoted []byte) (text string) {
	_ = json.Unmarshal(quoted, &text) // which is valid
	return text
}

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

var identifierPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,39}$`)

// nameOf is how an error names a field, or what is none.
func nameOf(field protoreflect.FieldDescriptor, name []byte) string {
	if field != nil {
		return field.JSONName()
	}
	return identifier(unquote(name))
}

// identifier is name if it can be the name of a field. Anything else may be a
// value in the wrong place and is not repeated.
func identifier(name string) string {
	if identifierPattern.MatchString(name) {
		return name
	}
	return "body"
}
