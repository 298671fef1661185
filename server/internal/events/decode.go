package events

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

// decodePolled returns the event of a poll's reply, or nil if it has none: the gateway
// leaves the key out, and null means the same. An event of another shape is an error, since
// it is lost: the gateway hands it out once.
func decodePolled(raw json.RawMessage) (*agentconfv1.PolledEvent, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	event := &agentconfv1.PolledEvent{}
	if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, event) != nil {
		return nil, operation.Unreadable("the event has not the documented shape")
	}
	return event, nil
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

// signedOutEvent is the last event of an agent (page 0552). The gateway does not always
// deliver it (page 1219); without it the next poll is refused.
const signedOutEvent = "AgentOther_ShutdownService"

// decodeEvent returns a polled event as watchers receive it. An unknown type, or a content
// that does not have the documented shape, is passed on as it is in Other: it must not look
// like a documented event whose fields are 0.
func decodeEvent(polled *agentconfv1.PolledEvent, sequence int64) *agentconfv1.AgentEvent {
	event := &agentconfv1.AgentEvent{
		Sequence:     sequence,
		EventType:    polled.GetEventType(),
		WorkNo:       polled.GetWorkNo(),
		EventGenTime: polled.EventGenTime,
	}
	name, known := contents[polled.GetEventType()]
	if known && decodeContent(polled.GetContent(), event, name) == nil {
		return event
	}
	content := polled.GetContent()
	if content == nil {
		content = structpb.NewNullValue()
	}
	event.Content = &agentconfv1.AgentEvent_Other{Other: content}
	return event
}

// decodeContent decodes the content of an event into the named field. No content at all is
// right only for an event whose message has no fields. Unknown keys are ignored, as newer
// gateways add some.
func decodeContent(content *structpb.Value, event *agentconfv1.AgentEvent, name protoreflect.Name) error {
	m := event.ProtoReflect()
	target := m.Mutable(m.Descriptor().Fields().ByName(name)).Message()
	_, isNull := content.GetKind().(*structpb.Value_NullValue)
	if content == nil || isNull {
		if target.Descriptor().Fields().Len() > 0 {
			return errors.New("no content")
		}
		return nil
	}
	text, err := protojson.Marshal(content)
	if err != nil {
		return err
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, proto.Message(target.Interface()))
}
