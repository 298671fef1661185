package transport

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A body is either a request that says what a plain decoder reads from it, or is
// refused with a reason that repeats no value.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`,
		`{"address":"1","address":"2"}`, `{"agentId":"1"}`, `{"address":5}`, `{"x":1}`, `{}`, `{}{}`, `[]`, "", "null", "{\"address\":\"\xff\"}",
		`{"playMode":2e0}`, `{"playMode":"2"}`, `{"address":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := &agentconfv1.HoldParticipantRequest{}
		faults := decode(func() ([]byte, error) { return body, nil }, m)
		for _, fault := range faults {
			if fault.Field == "" || fault.Description == "" || len(fault.Field) > 40 || len(fault.Description) > 100 {
				t.Errorf("fault %+v", fault)
			}
		}
		if faults != nil {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil || !utf8.Valid(body) {
			t.Fatalf("accepted, but %v", err)
		}
		if a, ok := plain["address"].(string); ok && a != m.GetAddress() || m.GetAgentId() != "" {
			t.Errorf("read %v from %v", m, plain)
		}
		if len(plain) > 4 {
			t.Errorf("accepted %d fields", len(plain))
		}
	})
}

func TestJSONName(t *testing.T) {
	fields := (&agentconfv1.HoldParticipantRequest{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if got := jsonName(string(fields.Get(i).Name())); got != fields.Get(i).JSONName() {
			t.Errorf("%s is %s, want %s", fields.Get(i).Name(), got, fields.Get(i).JSONName())
		}
	}
}
