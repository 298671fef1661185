package events

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

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
		text := eventOf(raw)
		if text == "" || !utf8.Valid(raw) || strings.TrimSpace(text) != text {
			return // as the client cuts it out of the reply
		}
		event := decodeEvent(text, 7)
		if event.GetSequence() != 7 || event.GetRawJson() != text {
			t.Errorf("%s became %v", raw, event)
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
	const held = `"result":0,"changeType":5,"confId":1,"participant":"88887946","participantType":6`
	for raw, want := range map[string]string{
		`{"eventType":"AgentState_Ready"}`:                                                       "ready",
		`{"eventType":"AgentState_Ready","content":{"new":1}}`:                                   "ready",
		`{"eventType":"AgentState_Ready","content":"text"}`:                                      "other",
		`{"eventType":"AgentState_Ready","workNo":1287}`:                                         "other",
		`{"eventType":"AgentState_Ready","eventGenTime":"x"}`:                                    "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{` + held + `,"new":1}}`:          "participant_changed",
		`{"eventType":"AgentConf_ParticipantChanged","content":{` + held[11:] + `}}`:             "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{` + held + `,"result":null}}`:    "other",
		`{"eventType":"AgentConf_ParticipantChanged"}`:                                           "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":null}`:                            "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{` + held + `,"deviceType":"x"}}`: "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{` + held + `,"deviceType":[5]}}`: "other",
		`{"eventType":"AgentConf_ParticipantChanged","content":{` + held + `,"new":1e400}}`:      "participant_changed",
		`{"eventType":"AgentConf_ParticipantChanged","content":{` + held + `,"new":"\ud800"}}`:   "participant_changed",
		`{"eventType":"AgentConf_StopVoice","content":{}}`:                                       "other",
		`{"eventType":"AgentConf_RequestSuccess","content":{}}`:                                  "other",
		`{"eventType":"AgentOther_ShutdownService","content":{}}`:                                "other",
		`{"eventType":"AgentEvent_Hold","content":{"number":"88887946"}}`:                        "other",
		`[{"eventType":"AgentState_Ready"}]`:                                                     "other",
		`1e400`:                                                                                  "other",
	} {
		m := decodeEvent(raw, 1).ProtoReflect()
		content := m.WhichOneof(m.Descriptor().Oneofs().ByName("content"))
		if content == nil || content.Name() != protoreflect.Name(want) {
			t.Errorf("%s has content %v, want %s", raw, content, want)
		}
		if got := decodeEvent(raw, 1).GetRawJson(); got != raw {
			t.Errorf("raw_json %s, want %s", got, raw)
		}
	}
}

// A number of a documented key is exact, also one that a floating-point number cannot hold.
func TestDecodeLargeNumber(t *testing.T) {
	event := decodeEvent(`{"eventType":"AgentConf_RequestSuccess","content":{"confId":9007199254740993}}`, 1)
	if got := event.GetRequestSuccess().GetConfId(); got != 9007199254740993 {
		t.Errorf("got confId %d, want 9007199254740993", got)
	}
}

// What cannot be a protobuf value is null in Other; the rest of the event is there.
func TestDecodeOddEvent(t *testing.T) {
	event := decodeEvent(`{"eventType":"x","workNo":1287,"content":1e400}`, 1)
	if event.GetEventType() != "x" || event.GetWorkNo() != "1287" || event.GetOther().AsInterface() != nil {
		t.Errorf("%v", event)
	}
}

// The enum has the meaning of every documented changeType, and no other.
func TestParticipantChange(t *testing.T) {
	for changeType, want := range map[int32]agentconfv1.ParticipantChange{
		0: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_JOINED,
		1: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_LEFT,
		2: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_BECAME_CHAIRPERSON,
		3: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_MUTED,
		4: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_UNMUTED,
		5: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_HELD,
		6: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_UNHELD,
		7: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_UNSPECIFIED, -1: 0, math.MaxInt32: 0,
	} {
		event := decodeEvent(changed(phone, Change(changeType), 0).event, 1)
		if got := event.GetParticipantChanged().GetChange(); got != want {
			t.Errorf("changeType %d is %v, want %v", changeType, got, want)
		}
	}
}

// A poll allocates nothing to find the type of its event, or to find that no call of GetAgentEvent
// waits for the answer. Every poll of a watched agent does both.
func TestPollOfAWatchAllocatesLittle(t *testing.T) {
	answer := event("AgentState_Ready")
	if n := testing.AllocsPerRun(100, func() { isSignedOut(answer.event) }); n != 0 {
		t.Errorf("%v allocations to find the type of an event", n)
	}
	ls, l := &logs{}, &eventLog{guid: firstGUID}
	if n := testing.AllocsPerRun(100, func() { ls.answerDesk(l, firstGUID, pollAnswer{}) }); n != 0 {
		t.Errorf("%v allocations to find that no call waits", n)
	}
}
