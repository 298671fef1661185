package conference

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
)

// pollPatience is how long the gateway lets a poll wait for an event (page 1274).
const pollPatience = 10 * time.Second

// LongestCall is how long a call may take if the gateway's client has this time-out
// and nobody waits for an event that confirms it.
func LongestCall(timeout time.Duration) time.Duration { return pollPatience + timeout }

// poll is the gateway's long poll of an agent's events.
func poll(agentID, calldata string) operation {
	op := operation{
		name:     "getAgentEvent",
		agentID:  agentID,
		method:   "GET",
		path:     "agentevent/" + url.PathEscape(agentID),
		patience: pollPatience,
		secrets:  []string{calldata},
		read: func(a *answer) (err error) {
			a.polled, err = readEvent(a.Event)
			return err
		},
		look: "An event may be lost; query the conference to see how things are",
	}
	if calldata != "" {
		op.path += "?calldata=" + url.QueryEscape(calldata)
	}
	return op
}

// GetAgentEvent takes the agent's next event.
func (s *Service) GetAgentEvent(ctx context.Context, req *agentconfv1.GetAgentEventRequest) (*agentconfv1.GetAgentEventResponse, error) {
	if s.watches.stops() {
		return nil, Stopping()
	}
	var faults violations
	faults.text("calldata", req.GetCalldata(), 0, 200)
	op := poll(req.GetAgentId(), req.GetCalldata())
	return call(ctx, s, op, faults, func(a answer) *agentconfv1.GetAgentEventResponse {
		return &agentconfv1.GetAgentEventResponse{Message: a.Message, Retcode: a.Retcode, Event: a.polled, Guid: a.GUID}
	})
}

// readEvent reads the event of a poll's answer, or nil if it has none.
func readEvent(raw json.RawMessage) (*agentconfv1.PolledEvent, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	event := &agentconfv1.PolledEvent{}
	if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, event) != nil {
		// The cause would repeat what the gateway sent.
		return nil, &gateway.Error{Kind: gateway.Broken, Err: errors.New("the event is not one of the documented shape")}
	}
	return event, nil
}

// contents are the fields of AgentEvent that events of these types fill (pages
// 0559 to 0568, and those of section 3.7 that tell the agent's state).
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

// signedOutEvent is the last event of an agent (page 0552).
const signedOutEvent = "AgentOther_ShutdownService"

// typed is a polled event as watchers get it.
func typed(polled *agentconfv1.PolledEvent, sequence int64) *agentconfv1.AgentEvent {
	event := &agentconfv1.AgentEvent{
		Sequence:     sequence,
		EventType:    polled.GetEventType(),
		WorkNo:       polled.GetWorkNo(),
		EventGenTime: polled.EventGenTime,
	}
	name, known := contents[polled.GetEventType()]
	if known && readContent(polled.GetContent(), event, name) == nil {
		return event
	}
	content := polled.GetContent()
	if content == nil {
		content = structpb.NewNullValue()
	}
	event.Content = &agentconfv1.AgentEvent_Other{Other: content}
	return event
}

func readContent(content *structpb.Value, event *agentconfv1.AgentEvent, name protoreflect.Name) error {
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
