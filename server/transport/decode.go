package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"agentconf/server/conference"
)

// fromPath is the field that the path of every binding has. In a body it would
// be overwritten without a word, so it is refused there.
const fromPath = "agent_id"

// decode reads a JSON body into m, which is new, and returns what is wrong with
// it: nothing is ignored and nothing is guessed.
func decode(read func() ([]byte, error), m proto.Message) []conference.Violation {
	data, err := read()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return body("is larger than %d bytes", tooLarge.Limit)
	case err != nil:
		return body("did not arrive whole")
	case protojson.Unmarshal(data, m) == nil && !has(m, fromPath):
		return nil
	}
	if coerced := unquoteBools(data, m.ProtoReflect().Descriptor()); coerced != nil {
		proto.Reset(m)
		if protojson.Unmarshal(coerced, m) == nil && !has(m, fromPath) {
			return nil
		}
	}
	return diagnose(data, m.ProtoReflect().Type())
}

// unquoteBools takes the quotes off the truth values in data, which the gateway's
// own example of a sign-in has ("releasephone":"false", page 1202), or returns nil
// if there is none. Numbers in quotes protojson takes by itself.
func unquoteBools(data []byte, d protoreflect.MessageDescriptor) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil || hasTwice(data) {
		return nil
	}
	found := false
	for name, value := range members {
		field := d.Fields().ByJSONName(name)
		text := string(value)
		if field != nil && field.Kind() == protoreflect.BoolKind && (text == `"true"` || text == `"false"`) {
			members[name] = json.RawMessage(strings.Trim(text, `"`))
			found = true
		}
	}
	if !found {
		return nil
	}
	unquoted, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return unquoted
}

// hasTwice reports whether the object in data gives a name twice.
func hasTwice(data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.Token()
	seen := map[string]bool{}
	for dec.More() {
		name, _, err := member(dec)
		if err != nil || seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}

func has(m proto.Message, field protoreflect.Name) bool {
	r := m.ProtoReflect()
	f := r.Descriptor().Fields().ByName(field)
	return f != nil && r.Has(f)
}

func body(format string, args ...any) []conference.Violation {
	return []conference.Violation{{Field: "body", Description: fmt.Sprintf(format, args...)}}
}

// diagnose finds everything that is wrong with data, which is no JSON of a
// message of type t. The texts of protojson do not serve: they name one fault,
// and repeat the value.
func diagnose(data []byte, t protoreflect.MessageType) []conference.Violation {
	dec := json.NewDecoder(bytes.NewReader(data))
	if start, err := dec.Token(); err == io.EOF {
		return body("is empty; it must be a JSON object")
	} else if err != nil || start != json.Delim('{') {
		return body("must be a JSON object")
	}
	var faults []conference.Violation
	seen := map[string]bool{}
	for dec.More() {
		name, value, err := member(dec)
		if err != nil {
			return append(faults, body("is not valid JSON from byte %d on", dec.InputOffset())...)
		}
		if fault := diagnoseMember(name, value, t); fault != "" {
			faults = append(faults, conference.Violation{Field: identifier(name), Description: fault})
		} else if seen[name] {
			faults = append(faults, conference.Violation{Field: identifier(name), Description: "is there twice"})
		}
		seen[name] = true
	}
	if _, err := dec.Token(); err != nil {
		return append(faults, body("is not valid JSON from byte %d on", dec.InputOffset())...)
	}
	if _, err := dec.Token(); err != io.EOF {
		return append(faults, body("goes on behind the JSON object")...)
	}
	if faults == nil {
		return body("is not JSON in UTF-8, or gives a field twice")
	}
	return faults
}

func member(dec *json.Decoder) (name string, value json.RawMessage, err error) {
	t, err := dec.Token()
	if err != nil {
		return "", nil, err
	}
	err = dec.Decode(&value)
	return t.(string), value, err
}

// diagnoseMember says what is wrong with one member of the object, or nothing.
func diagnoseMember(name string, value json.RawMessage, t protoreflect.MessageType) string {
	fields := t.Descriptor().Fields()
	field := fields.ByJSONName(name)
	if field == nil {
		field = fields.ByTextName(name)
	}
	switch {
	case field == nil:
		return "is not a field of this request"
	case field.Name() == fromPath:
		return "belongs into the path, not into the body"
	}
	alone, err := json.Marshal(map[string]json.RawMessage{name: value})
	if err != nil || protojson.Unmarshal(alone, t.New().Interface()) != nil {
		return "must be " + kindName(field)
	}
	return ""
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

// identifier is name if it can be the name of a field. Anything else may be a
// value in the wrong place and is not repeated.
func identifier(name string) string {
	if identifierPattern.MatchString(name) {
		return name
	}
	return "body"
}
