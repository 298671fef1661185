package events

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// Whatever a gateway sends for an event is delivered with its name, agent and sequence,
// and with content that can be encoded, or is rejected as a whole.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		`{"eventType":"AgentConf_ParticipantChanged","workNo":"154","content":{"result":0,"changeReason":255,"changeType":3,"confId":1031168,"participant":"154","participantType":9,"deviceCallType":0,"deviceType":0}}`,
		`{"eventType":"AgentConf_RequestSuccess","workNo":"1287","content":{"confId":"1"},"eventGenTime":1}`,
		`{"eventType":"AgentConf_StopVoice","workNo":"1287","content":{"result":{}}}`,
		`{"eventType":"AgentState_Ready","workNo":"1287","content":null}`,
		`{"eventType":"AgentState_Ready","content":"text"}`,
		`{"eventType":"AgentEvent_Hold","workNo":1287,"content":["a",1e400]}`,
		`{}`, `null`, `[]`, `{"content":{"":0}}`, `{"eventGenTime":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // the gateway's client returns valid JSON only
		}
		polled, err := decodePolled(raw)
		if err != nil || polled == nil {
			return
		}
		event := decodeEvent(polled, 7)
		if event.GetSequence() != 7 || event.GetEventType() != polled.GetEventType() || event.GetWorkNo() != polled.GetWorkNo() {
			t.Errorf("%v became %v", polled, event)
		}
		content := event.ProtoReflect().WhichOneof(event.ProtoReflect().Descriptor().Oneofs().ByName("content"))
		if content == nil {
			t.Fatalf("%v has no content", event)
		}
		if name, known := contents[event.GetEventType()]; content.Name() != "other" && (!known || content.Name() != protoreflect.Name(name)) {
			t.Errorf("%s has the content of %s", event.GetEventType(), content.Name())
		}
		wire, err := proto.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(wire, &agentconfv1.AgentEvent{}); err != nil {
			t.Error(err)
		}
	})
}

// An event has typed content if its type and content are documented. Otherwise the
// content is delivered as it came.
func TestDecodeEvent(t *testing.T) {
	for polled, want := range map[string]string{
		`{"eventType":"AgentState_Ready"}`:                                                  "ready",
		`{"eventType":"AgentState_Ready","content":{"new":1}}`:                              "ready",
		`{"eventType":"AgentState_Ready","content":"text"}`:                                 "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{"changeType":5,"new":1}}`:   "participant_changed",
		`{"eventType":"AgentConf_ParticipantChanged"}`:                                      "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":null}`:                       "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{"changeType":"on hold"}}`:   "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{"changeType":[5],"new":1}}`: "other",
		`{"eventType":"AgentEvent_Hold","content":{"number":"88887946"}}`:                   "other",
	} {
		event, err := decodePolled(json.RawMessage(polled))
		if err != nil {
			t.Fatal(err)
		}
		m := decodeEvent(event, 1).ProtoReflect()
		content := m.WhichOneof(m.Descriptor().Oneofs().ByName("content"))
		if content == nil || content.Name() != protoreflect.Name(want) {
			t.Errorf("%s has content %v, want %s", polled, content, want)
		}
	}
}
