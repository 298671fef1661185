package emulator

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

// Operations lists the operations of each family, and none twice.
func TestOperations(t *testing.T) {
	operations := Operations()
	for _, name := range []string{"login", "getAgentEvent", "holdParticipant", "queryAllConfIds"} {
		if !slices.Contains(operations, name) {
			t.Errorf("%s is missing in %q", name, operations)
		}
	}
	slices.Sort(operations)
	if unique := slices.Compact(slices.Clone(operations)); len(unique) != len(operations) {
		t.Errorf("an operation is there twice: %q", operations)
	}
}

func TestLog(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := startConference(t, g, "1287")
		chair.expectRetcode("holdparticipant", holdPhone, badArgument)
		chair.expectRetcode("holdparticipant", "{", badArgument)
		g.Do(Request{"holdparticipant", "1287", "wrong", []byte(holdPhone)})
		want := []LogEntry{
			{1, "requestAgentConf", "1287", json.RawMessage(`{"memberNum":4}`), success, true},
			{2, "holdParticipant", "1287", json.RawMessage(holdPhone), badArgument, false},
			{3, "holdParticipant", "1287", nil, badArgument, false},
			{4, "holdParticipant", "1287", json.RawMessage(holdPhone), noRight, false},
		}
		if got := g.Log(); !reflect.DeepEqual(got, want) {
			t.Errorf("log\n%+v, want\n%+v", got, want)
		}
	})
}

// The body is checked before the role of the agent, and before the state of the conference.
func TestBodyIsCheckedFirst(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		a := signIn(t, g, "1287")
		for operation, body := range map[string]string{
			"holdparticipant":        phone, // without a voicePath
			"unholdparticipant":      `{"addressType":"7","address":"1"}`,
			"prolongtime":            `{"prolongTime":1441}`,
			"batchaddparticipant":    addresses(phone, phone),
			"batchremoveparticipant": addresses(),
			"changeparticipantmode":  `{"attribute":5,"addressType":"6","address":"1"}`,
			"playvoicetoconf":        `{"playType":2,"voicePath":"y:/a.V3"}`,
			"modifyconfresource":     `{"modifyNum":3}`,
			"queryconfinfos":         `{"confIds":[]}`,
		} {
			a.expectRetcode(operation, body, badArgument)
		}
		a.expectRetcode("holdparticipant", holdPhone, noConference)
		a.expectRetcode("releaseagentconf", "not JSON", noConference)
	})
}
