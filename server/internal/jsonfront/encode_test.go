package jsonfront

import (
	"encoding/json"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// REST has the JSON of protobuf's own encoder, without its blanks. The gateway dialect
// has valid JSON.
func FuzzEncode(f *testing.F) {
	f.Add("success", "0", int64(1031168), "154", 1.5, true)
	f.Add("\x00\"\\<é\u2028\U0001F600", "", int64(-1), "", -1e-300, false)
	f.Fuzz(func(t *testing.T, text, retcode string, number int64, key string, value float64, flag bool) {
		object, err := structpb.NewStruct(map[string]any{key: value, "nested": map[string]any{key: text}, "list": []any{flag, nil}})
		if err != nil {
			return // not UTF-8
		}
		for _, m := range []proto.Message{
			&agentconfv1.HoldParticipantResponse{
				Message: text, Retcode: retcode, Result: object,
				Event: &agentconfv1.AgentEvent{Sequence: number, EventGenTime: &number, Content: &agentconfv1.AgentEvent_ParticipantChanged{
					ParticipantChanged: &agentconfv1.ParticipantChanged{
						ConfId: &number, Participant: &text, Result: new(int32(number)), Change: agentconfv1.ParticipantChange_PARTICIPANT_CHANGE_HELD,
					},
				}},
			},
			&agentconfv1.LoginResponse{Message: text, Retcode: retcode, Guid: key},
			&agentconfv1.QueryAllConfIdsResponse{Result: &agentconfv1.QueryAllConfIdsResult{ConfIds: []int64{number, 0}}},
			&agentconfv1.BatchRemoveParticipantResponse{Result: &agentconfv1.BatchRemoveParticipantResult{}},
			&agentconfv1.GetAgentEventResponse{Event: &agentconfv1.PolledEvent{
				Content: structpb.NewNumberValue(value), RawJson: `{"content":9007199254740993}`,
			}},
		} {
			want, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
			if err != nil {
				return // not UTF-8, or not a number of JSON
			}
			var a, b map[string]any
			if err := json.Unmarshal(rest.encode(m), &a); err != nil {
				t.Fatalf("%v in %s", err, rest.encode(m))
			}
			if err := json.Unmarshal(want, &b); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("encoded %s, want %s", rest.encode(m), want)
			}
			if !json.Valid(gateway.encode(m)) {
				t.Errorf("encoded %s", gateway.encode(m))
			}
		}
	})
}
