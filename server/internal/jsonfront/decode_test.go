package jsonfront

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/outcome"
)

// decode reads a body as protojson does, and rejects the bodies that protojson rejects.
// No violation repeats a value.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`,
		`{"address":"1","address":"2"}`, `{"agentId":"1"}`, `{"address":5}`, `{"x":1}`, `{}`, `{}{}`, `[]`, "", "null", "{\"address\":\"\xff\"}",
		`{"playMode":2e0}`, `{"playMode":1e}`, `{"address":`, `{"confirmWithin":"1.5s"}`, `{"confirmWithin":{}}`, `{"voice_path":"a","voicePath":null}`, `{"playMode":-0}`, `{"playMode":99999999999}`, `{"playMode":"2"}`, `{"address":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := &agentconfv1.HoldParticipantRequest{}
		violations := decode(body, m)
		for _, v := range violations {
			if v.Field == "" || v.Description == "" || len(v.Field) > 40 || len(v.Description) > 100 {
				t.Errorf("violation %+v", v)
			}
		}
		want := &agentconfv1.HoldParticipantRequest{}
		err := protojson.Unmarshal(body, want)
		if violations == nil && (err != nil || !proto.Equal(m, want)) {
			t.Errorf("read %v from %q, want %v, %v", m, body, want, err)
		}
		// protojson accepts some malformed numbers, such as 1e.
		if violations != nil && err == nil && json.Valid(body) && !bytes.Contains(bytes.ToLower(body), []byte("agent")) && !bytes.Contains(body, []byte(`\u`)) {
			t.Errorf("rejected %q: %v", body, violations)
		}
	})
}

// The violation of a malformed body names the place of the fault.
func TestExplainMalformed(t *testing.T) {
	for body, want := range map[string]string{
		"":                       "is empty; it must be a JSON object",
		`{"address":x}`:          "is not valid JSON from byte 12 on",
		`{"playMode":1e}`:        "is not valid JSON from byte 15 on",
		`{"address":"8888794`:    "is cut short: its JSON has no end",
		`[]`:                     "must be a JSON object",
		`{} x`:                   "has text after the JSON object",
		"{\"address\":\"\xff\"}": "is not in UTF-8",
	} {
		violations := decode([]byte(body), &agentconfv1.HoldParticipantRequest{})
		if len(violations) != 1 || violations[0].Field != "body" || violations[0].Description != want {
			t.Errorf("%q: %v, want %s", body, violations, want)
		}
	}
}

func TestJSONName(t *testing.T) {
	fields := (&agentconfv1.HoldParticipantRequest{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if got := jsonName(string(fields.Get(i).Name())); got != fields.Get(i).JSONName() {
			t.Errorf("%s is %s, want %s", fields.Get(i).Name(), got, fields.Get(i).JSONName())
		}
	}
}

// decode reads a body strictly.
func decode(body []byte, m proto.Message) []outcome.Violation {
	var d decoder
	d.decode(body, m)
	return d.violations
}
