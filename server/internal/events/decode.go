package events

import (
	"encoding/json"
	"errors"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/jsonobject"
)

// eventOf returns the event of a poll's reply, or an empty string if it has none: the
// gateway leaves the key out, and null means the same.
func eventOf(raw json.RawMessage) string {
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// members are the documented members of an event. One of another type than the documented one
// stays empty, and documented is false: the gateway hands out an event once, so that it is
// delivered in any form.
type members struct {
	eventType, workNo string
	eventGenTime      *int64
	content           string // JSON, empty if the event has none
	documented        bool
}

func membersOf(raw string) (m members) {
	if raw[0] != '{' {
		m.content = "null"
		return m
	}
	m.documented = true
	for name, value := range jsonobject.Members(raw) {
		ok := true
		switch name {
		case `"eventType"`:
			m.eventType, ok = text(value)
		case `"workNo"`:
			m.workNo, ok = text(value)
		case `"content"`:
			m.content = value
		case `"eventGenTime"`:
			m.eventGenTime, ok = number(value)
		}
		m.documented = m.documented && ok
	}
	return m
}

// decodePolled returns an event as the gateway sent it.
func decodePolled(raw string) *agentconfv1.PolledEvent {
	m := membersOf(raw)
	event := &agentconfv1.PolledEvent{
		EventType: m.eventType, WorkNo: m.workNo, EventGenTime: m.eventGenTime, RawJson: raw,
	}
	if m.content != "" {
		event.Content = openValue(m.content)
	}
	return event
}

// text returns a string, or the text of a number, which is not documented.
func text(value string) (s string, documented bool) {
	if plain, ok := jsonobject.Plain(value); ok {
		return plain, true
	}
	return unusualText(value)
}

func unusualText(value string) (s string, documented bool) {
	if json.Unmarshal([]byte(value), &s) == nil {
		return s, value != "null"
	}
	var n json.Number
	if json.Unmarshal([]byte(value), &n) == nil {
		return n.String(), false
	}
	return "", false
}

func number(value string) (n *int64, documented bool) {
	if value == "null" {
		return nil, true
	}
	i, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return nil, false
	}
	return &i, true
}

// openValue returns any JSON value. One that protobuf does not have, such as 1e400, becomes
// null. Half of a surrogate pair becomes U+FFFD.
func openValue(value string) *structpb.Value {
	open := &structpb.Value{}
	if protojson.Unmarshal([]byte(value), open) == nil {
		return open
	}
	var decoded any
	if json.Unmarshal([]byte(value), &decoded) == nil {
		if open, err := structpb.NewValue(decoded); err == nil {
			return open
		}
	}
	return structpb.NewNullValue()
}

// contents maps the type of an event to the field of AgentEvent that holds its content:
// conferences (pages 0559 to 0568), and the states of an agent (pages 0492, 0551, 0552 and
// 1343 to 1346).
var contents = map[string]protoreflect.Name{
	"AgentConf_RequestSuccess":       "request_success",
	"AgentConf_RequestFailed":        "request_failed",
	"AgentConf_SelfJoinResult":       "self_join_result",
	"AgentConf_Timeout":              "timeout",
	"AgentConf_Ringing":              "ringing",
	"AgentConf_ParticipantChanged":   "participant_changed",
	"AgentConf_SelfLeaveResult":      "self_leave_result",
	"AgentConf_PresidentChanged":     "president_changed",
	"AgentConf_StopVoice":            "stop_voice",
	"AgentConf_StopParticipantVoice": "stop_participant_voice",
	"AgentOther_InService":           "in_service",
	signedOutEvent:                   "shutdown_service",
	"AgentState_Ready":               "ready",
	"AgentState_Busy":                "busy",
	"AgentState_Work":                "work",
	"AgentState_SetNotReady_Success": "set_not_ready",
}

// optionalKeys are the documented keys without which an event still says what happened. An
// event without any other documented key is not understood.
var optionalKeys = map[protoreflect.Name]bool{
	"change_reason": true, "device_call_type": true, "device_type": true,
}

// signedOutEvent is the last event of an agent (page 0552). The gateway does not always
// deliver it (page 1219); without it the next poll is refused.
const signedOutEvent = "AgentOther_ShutdownService"

func isSignedOut(raw string) bool { return raw != "" && membersOf(raw).eventType == signedOutEvent }

// decodeEvent returns an event as watchers receive it. An unknown type, or a content without
// the documented shape, is passed on as it is in Other: it must not look like a documented
// event whose fields are 0.
func decodeEvent(raw string, sequence int64) *agentconfv1.AgentEvent {
	m := membersOf(raw)
	event := &agentconfv1.AgentEvent{
		Sequence: sequence, EventType: m.eventType, WorkNo: m.workNo, EventGenTime: m.eventGenTime, RawJson: raw,
	}
	name, known := contents[m.eventType]
	if m.documented && known && decodeContent(m.content, event, name) == nil {
		return event
	}
	other := structpb.NewNullValue()
	if m.content != "" {
		other = openValue(m.content)
	}
	event.Content = &agentconfv1.AgentEvent_Other{Other: other}
	return event
}

// decodeContent decodes the content of an event into the named field. No content at all is
// right only for an event whose message has no fields. Unknown keys are ignored, as newer
// gateways add some.
func decodeContent(content string, event *agentconfv1.AgentEvent, name protoreflect.Name) error {
	m := event.ProtoReflect()
	target := m.Mutable(m.Descriptor().Fields().ByName(name)).Message()
	if content != "" && content != "null" {
		if err := unmarshalContent(content, target.Interface()); err != nil {
			return err
		}
	}
	if !isComplete(target) {
		return errors.New("a documented key is missing")
	}
	if change := event.GetParticipantChanged(); change != nil {
		change.Change = changeOf(change.GetChangeType())
	}
	return nil
}

// unmarshalContent is tolerant of what protojson rejects and openValue accepts.
func unmarshalContent(content string, target proto.Message) error {
	options := protojson.UnmarshalOptions{DiscardUnknown: true}
	if options.Unmarshal([]byte(content), target) == nil {
		return nil
	}
	text, err := protojson.Marshal(openValue(content))
	if err != nil {
		return err
	}
	return options.Unmarshal(text, target)
}

func isComplete(content protoreflect.Message) bool {
	fields := content.Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.HasPresence() && !content.Has(f) && !optionalKeys[f.Name()] {
			return false
		}
	}
	return true
}

// changeOf returns the meaning of a changeType. The enum has the same numbers plus one.
func changeOf(changeType int32) agentconfv1.ParticipantChange {
	meaning := agentconfv1.ParticipantChange(changeType) + 1
	if _, documented := agentconfv1.ParticipantChange_name[int32(meaning)]; !documented {
		return agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_UNSPECIFIED
	}
	return meaning
}
