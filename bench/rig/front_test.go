package rig

import (
	"bufio"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const serverSentEvents = `id: 7
event: started
data: {"lastSequence":"7"}

:

id: 8
data: {"sequence":"8","eventType":"AgentState_Busy","workNo":"1001","busy":{}}

event: guid_changed
data: {"guid":"new"}

event: ended
data: {"code":14,"message":"stopping","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"STOPPING","domain":"agentconf","metadata":{"outcome":"not_applied"}}]}

`

func TestReadSSE(t *testing.T) {
	lines := bufio.NewReader(strings.NewReader(serverSentEvents))
	for _, want := range []string{
		`{"started":{"lastSequence":"7"}}`,
		`{"event":{"sequence":"8","eventType":"AgentState_Busy","workNo":"1001","busy":{}}}`,
		`{"guidChanged":{"guid":"new"}}`,
	} {
		message := &agentconfv1.WatchAgentEventsResponse{}
		if err := protojson.Unmarshal([]byte(want), message); err != nil {
			t.Fatal(err)
		}
		if got, err := readSSE(lines); err != nil || !proto.Equal(got, message) {
			t.Errorf("%v, %v, want %v", got, err, message)
		}
	}
	for _, details := range []int{1, 0} { // then the stream breaks
		_, err := readSSE(lines)
		if s := status.Convert(err); s.Code() != codes.Unavailable || len(s.Details()) != details {
			t.Errorf("%v with %d details, want UNAVAILABLE with %d", err, len(s.Details()), details)
		}
	}
}

func TestMethod(t *testing.T) {
	for m, want := range map[Method]string{
		agentconfv1.ConferenceService_HoldParticipant_FullMethodName: "/v1/agents/1287/conference:holdParticipant",
		agentconfv1.SessionService_ForceLogin_FullMethodName:         "/v1/agents/1287/session:forceLogin",
	} {
		if got := m.v1Path("1287"); got != want || !strings.HasSuffix(want, ":"+m.Operation()) {
			t.Errorf("REST path %s of operation %s, want %s", got, m.Operation(), want)
		}
	}
}
