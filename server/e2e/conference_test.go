package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"agentconf/emulator"
)

// conferenceStep is one call of TestWholeConference.
type conferenceStep struct {
	by, rpc, body string
	result        string            // part of the result
	events        map[string]string // event type to wait for, by agent ID
}

const (
	heldPhone   = `{"addressType":"6","address":"88887946"}`
	voiceBody   = `{"voicePath":"y:/conf/120/1136287.V3"}`
	inviteAgent = `{"addresses":[{"addressType":"9","address":"2002"}]}`
)

// conferenceSteps has 19 operations of ConferenceService. The case table covers an operation
// that is not among them. Agent 1287, an inspector, has a conference with a phone and agent
// 2002, which becomes the chairperson.
var conferenceSteps = []conferenceStep{
	{by: "1287", rpc: "RequestAgentConf", body: `{"memberNum":4,"time":50,"promptTime":5}`,
		events: map[string]string{"1287": "AgentConf_RequestSuccess"}},
	{by: "1287", rpc: "BatchAddParticipant", body: inviteAgent, events: map[string]string{"2002": "AgentConf_Ringing"}},
	{by: "2002", rpc: "RejectAgentConf", events: map[string]string{"1287": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "BatchAddParticipant", body: inviteAgent, events: map[string]string{"2002": "AgentConf_Ringing"}},
	{by: "2002", rpc: "AnswerAgentConf", events: map[string]string{"1287": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "BatchAddParticipant", body: `{"addresses":[` + heldPhone + `],"caller":"10000"}`,
		events: map[string]string{"1287": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "HoldParticipant", body: documentedBody, events: map[string]string{"2002": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "QueryConfInfos", body: `{"confIds":[1029888]}`,
		result: `{"confs":[{"confId":1029888,"addresses":[{"address":"1287","role":1},{"address":"2002"},{"address":"88887946","channelState":1}]}]}`},
	{by: "1287", rpc: "QueryAllConfIds", result: `{"confIds":[1029888]}`},
	{by: "1287", rpc: "UnholdParticipant", body: heldPhone},
	{by: "1287", rpc: "ChangeParticipantMode", body: `{"attribute":1,"addressType":"9","address":"2002"}`},
	{by: "1287", rpc: "ChangeParticipantMode", body: `{"attribute":3,"addressType":"9","address":"2002"}`},
	{by: "1287", rpc: "PlayVoiceToConf", body: voiceBody, events: map[string]string{"1287": "AgentConf_StopVoice"}},
	{by: "1287", rpc: "PlayVoiceToConf", body: voiceBody},
	{by: "1287", rpc: "StopVoiceToConf", events: map[string]string{"1287": "AgentConf_StopVoice"}},
	{by: "1287", rpc: "PlayVoiceToParticipant", body: documentedBody},
	{by: "1287", rpc: "StopVoiceToParticipant", body: heldPhone, events: map[string]string{"1287": "AgentConf_StopParticipantVoice"}},
	{by: "1287", rpc: "ModifyConfResource", body: `{"modifyType":0,"modifyNum":3}`, events: map[string]string{"1287": "AgentConf_Timeout"}},
	{by: "1287", rpc: "ProlongTime", body: `{"prolongTime":1440}`, result: `{"applyedTime":1390}`},
	{by: "1287", rpc: "ApplyToShiftPresident", body: `{"destAgentNo":2002}`, events: map[string]string{"2002": "AgentConf_PresidentChanged"}},
	{by: "1287", rpc: "RequestLeaveAgentConf", events: map[string]string{"2002": "AgentConf_ParticipantChanged"}},
	{by: "2002", rpc: "BatchRemoveParticipant", body: `{"addresses":[` + heldPhone + `,{"addressType":"9","address":"1287"}]}`,
		result: `{"noExistParticipants":[{"addressType":"9","address":"1287"}]}`},
	{by: "2002", rpc: "ReleaseAgentConf", events: map[string]string{"2002": "AgentConf_SelfLeaveResult"}},
}

// receivedEvent is an event that an agent's client has received.
type receivedEvent struct {
	EventType string
	WorkNo    string
	Content   any // normalized
}

// Two agents pass a conference from sign-in to release. The gateway's log has exactly their
// calls, and each agent receives exactly its events. TestDropIn does this in the dialect.
func TestWholeConference(t *testing.T) {
	config := emulator.Config{
		AuthMode: emulator.DynamicGUID, GUIDInterval: 10 * time.Second, GUIDTimeout: 2 * time.Minute,
		AnswerDelay: time.Second, SignOutAfter: 2 * time.Minute, Inspectors: []string{"1287"},
	}
	inBubble(t, config, func(t *testing.T, e *emulated) {
		clients := map[string]*agentClient{"1287": {emulated: e, id: "1287"}, "2002": {emulated: e, id: "2002"}}
		received := map[string][]receivedEvent{}
		for id, client := range clients {
			client.signIn(t)
			received[id] = append(received[id], client.next(t), client.next(t))
		}
		var made []emulator.LogEntry
		for _, s := range conferenceSteps {
			made = append(made, s.play(t, clients, received))
		}
		time.Sleep(time.Second) // both logs have a poll in flight
		for id, client := range clients {
			client.signOut(t)
			for last := ""; last != "AgentOther_ShutdownService"; {
				event := client.next(t)
				received[id], last = append(received[id], event), event.EventType
			}
		}
		checkLog(t, e.emulator.Log(), made)
		checkEvents(t, e.emulator.Events(), received)
		if strings.Contains(e.fronts.log.String(), "secret-word") {
			t.Error("got a password in the log, want none")
		}
	})
}

// play makes the call of s, waits for its events, and returns the log entry that the
// emulator must have.
func (s conferenceStep) play(t *testing.T, clients map[string]*agentClient, received map[string][]receivedEvent) emulator.LogEntry {
	t.Helper()
	retcode, result := clients[s.by].call(t, s.rpc, s.body)
	if s.result != "" && !includes(result, normalize(t, []byte(s.result))) {
		t.Errorf("%s: got the result %v, want %s", s.rpc, result, s.result)
	}
	for id, want := range s.events {
		for last := ""; last != want; {
			event := clients[id].next(t)
			received[id], last = append(received[id], event), event.EventType
		}
	}
	return emulator.LogEntry{
		Operation: strings.ToLower(s.rpc[:1]) + s.rpc[1:], AgentID: s.by, Body: json.RawMessage(s.body),
		Retcode: retcode, Applied: retcode == "0",
	}
}

// checkLog compares the emulator's log with the calls and their responses.
func checkLog(t *testing.T, log, want []emulator.LogEntry) {
	t.Helper()
	if len(log) != len(want) {
		t.Fatalf("got %d requests to the gateway, want %d", len(log), len(want))
	}
	operations := map[string]bool{}
	for i, want := range want {
		got := log[i]
		if got.Operation != want.Operation || got.AgentID != want.AgentID || got.Retcode != want.Retcode || !got.Applied ||
			len(want.Body) > 0 && !includes(normalize(t, got.Body), normalize(t, want.Body)) {
			t.Errorf("got the request %+v with %s, want %+v with %s", got, got.Body, want, want.Body)
		}
		operations[want.Operation] = true
	}
	if len(operations) < 19 {
		t.Errorf("got %d operations in conferenceSteps, want at least 19", len(operations))
	}
}

// checkEvents compares the events that each agent has received with those that the emulator
// has emitted.
func checkEvents(t *testing.T, emitted []emulator.EmittedEvent, received map[string][]receivedEvent) {
	t.Helper()
	want := map[string][]receivedEvent{}
	for _, event := range emitted {
		content, err := json.Marshal(event.Content)
		if err != nil {
			t.Fatal(err)
		}
		want[event.WorkNo] = append(want[event.WorkNo], receivedEvent{event.EventType, event.WorkNo, normalize(t, content)})
	}
	for id := range want {
		for i := range max(len(want[id]), len(received[id])) {
			if i >= len(want[id]) || i >= len(received[id]) || !reflect.DeepEqual(received[id][i], want[id][i]) {
				t.Errorf("event %d of %s: got\n%v, want\n%v", i, id, received[id], want[id])
				break
			}
		}
	}
}

// normalize decodes JSON. Numbers become strings, as protojson encodes those of 64 bits, and
// null becomes an empty object.
func normalize(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return normalizeValue(v)
}

func normalizeValue(v any) any {
	switch v := v.(type) {
	case nil:
		return map[string]any{}
	case json.Number:
		return v.String()
	case []any:
		for i := range v {
			v[i] = normalizeValue(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = normalizeValue(v[key])
		}
	}
	return v
}

// includes reports whether got has every key of want, with lists of the same length.
func includes(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for key := range want {
			ok = ok && includes(object[key], want[key])
		}
		return ok
	case []any:
		list, ok := got.([]any)
		ok = ok && len(list) == len(want)
		for i := range want {
			ok = ok && includes(list[i], want[i])
		}
		return ok
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}
