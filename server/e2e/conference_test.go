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
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// step is one call of the story that TestWholeConference tells.
type step struct {
	by, rpc, body string
	result        string            // what the result has, among other things
	then          map[string]string // the events to wait for, by agent ID
}

const (
	heldPhone  = `{"addressType":"6","address":"88887946"}`
	voiceBody  = `{"voicePath":"y:/conf/120/1136287.V3"}`
	guestGuest = `{"addresses":[{"addressType":"9","address":"2002"}]}`
)

// story has every operation of the conference family: 1287, an inspector, holds a
// conference with a phone and agent 2002, who takes over the chair.
var story = []step{
	{by: "1287", rpc: "RequestAgentConf", body: `{"memberNum":4,"time":50,"promptTime":5}`,
		then: map[string]string{"1287": "AgentConf_RequestSuccess"}},
	{by: "1287", rpc: "BatchAddParticipant", body: guestGuest, then: map[string]string{"2002": "AgentConf_Ringing"}},
	{by: "2002", rpc: "RejectAgentConf", then: map[string]string{"1287": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "BatchAddParticipant", body: guestGuest, then: map[string]string{"2002": "AgentConf_Ringing"}},
	{by: "2002", rpc: "AnswerAgentConf", then: map[string]string{"1287": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "BatchAddParticipant", body: `{"addresses":[` + heldPhone + `],"caller":"10000"}`,
		then: map[string]string{"1287": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "HoldParticipant", body: documentedBody, then: map[string]string{"2002": "AgentConf_ParticipantChanged"}},
	{by: "1287", rpc: "QueryConfInfos", body: `{"confIds":[1029888]}`,
		result: `{"confs":[{"confId":1029888,"addresses":[{"address":"1287","role":1},{"address":"2002"},{"address":"88887946","channelState":1}]}]}`},
	{by: "1287", rpc: "QueryAllConfIds", result: `{"confIds":[1029888]}`},
	{by: "1287", rpc: "UnholdParticipant", body: heldPhone},
	{by: "1287", rpc: "ChangeParticipantMode", body: `{"attribute":1,"addressType":"9","address":"2002"}`},
	{by: "1287", rpc: "ChangeParticipantMode", body: `{"attribute":3,"addressType":"9","address":"2002"}`},
	{by: "1287", rpc: "PlayVoiceToConf", body: voiceBody, then: map[string]string{"1287": "AgentConf_StopVoice"}},
	{by: "1287", rpc: "PlayVoiceToConf", body: voiceBody},
	{by: "1287", rpc: "StopVoiceToConf", then: map[string]string{"1287": "AgentConf_StopVoice"}},
	{by: "1287", rpc: "PlayVoiceToParticipant", body: documentedBody},
	{by: "1287", rpc: "StopVoiceToParticipant", body: heldPhone, then: map[string]string{"1287": "AgentConf_StopParticipantVoice"}},
	{by: "1287", rpc: "ModifyConfResource", body: `{"modifyType":0,"modifyNum":3}`, then: map[string]string{"1287": "AgentConf_Timeout"}},
	{by: "1287", rpc: "ProlongTime", body: `{"prolongTime":1440}`, result: `{"applyedTime":1390}`},
	{by: "1287", rpc: "ApplyToShiftPresident", body: `{"destAgentNo":2002}`, then: map[string]string{"2002": "AgentConf_PresidentChanged"}},
	{by: "1287", rpc: "RequestLeaveAgentConf", then: map[string]string{"2002": "AgentConf_ParticipantChanged"}},
	{by: "2002", rpc: "BatchRemoveParticipant", body: `{"addresses":[` + heldPhone + `,{"addressType":"9","address":"1287"}]}`,
		result: `{"noExistParticipants":[{"addressType":"9","address":"1287"}]}`},
	{by: "2002", rpc: "ReleaseAgentConf", then: map[string]string{"2002": "AgentConf_SelfLeaveResult"}},
}

// seenEvent is an event that came to a desk.
type seenEvent struct {
	EventType string
	WorkNo    string
	Content   any // as plain makes it
}

// A conference from sign-in to release: what two agents are told is what happened at
// the gateway. TestDropIn has the same in the gateway's dialect.
func TestWholeConference(t *testing.T) {
	config := emulator.Config{
		AuthMode: emulator.DynamicGUID, GUIDInterval: 10 * time.Second, GUIDTimeout: 2 * time.Minute,
		AnswerDelay: time.Second, SignOutAfter: 2 * time.Minute, Inspectors: []string{"1287"},
	}
	inBubble(t, config, func(t *testing.T, e *emulated) {
		desks := map[string]*desk{"1287": {emulated: e, id: "1287"}, "2002": {emulated: e, id: "2002"}}
		seen := map[string][]seenEvent{}
		for id, d := range desks {
			d.signIn(t)
			seen[id] = append(seen[id], d.next(t), d.next(t))
		}
		var made []emulator.LogEntry
		for _, s := range story {
			made = append(made, s.play(t, desks, seen))
		}
		time.Sleep(time.Second) // both are polling
		for id, d := range desks {
			d.signOut(t)
			for last := ""; last != "AgentOther_ShutdownService"; {
				event := d.next(t)
				seen[id], last = append(seen[id], event), event.EventType
			}
		}
		checkLog(t, e.emulator.Log(), made)
		checkEvents(t, e.emulator.Events(), seen)
		if strings.Contains(e.fronts.log.String(), "secret-word") {
			t.Error("a password is in the log")
		}
	})
}

// play makes the call of s, waits for its events, and returns what the gateway
// should have logged.
func (s step) play(t *testing.T, desks map[string]*desk, seen map[string][]seenEvent) emulator.LogEntry {
	t.Helper()
	retcode, result := desks[s.by].call(t, s.rpc, s.body)
	if s.result != "" && !includes(result, plain(t, []byte(s.result))) {
		t.Errorf("%s has the result %v, want %s", s.rpc, result, s.result)
	}
	for id, want := range s.then {
		for last := ""; last != want; {
			event := desks[id].next(t)
			seen[id], last = append(seen[id], event), event.EventType
		}
	}
	return emulator.LogEntry{
		Operation: strings.ToLower(s.rpc[:1]) + s.rpc[1:], AgentID: s.by, Body: json.RawMessage(s.body),
		Retcode: retcode, Applied: retcode == "0",
	}
}

// checkLog compares what the gateway did with what was asked and answered.
func checkLog(t *testing.T, log, made []emulator.LogEntry) {
	t.Helper()
	if len(log) != len(made) {
		t.Fatalf("the gateway got %d calls, want %d", len(log), len(made))
	}
	done := map[string]bool{}
	for i, want := range made {
		got := log[i]
		if got.Operation != want.Operation || got.AgentID != want.AgentID || got.Retcode != want.Retcode || !got.Applied ||
			len(want.Body) > 0 && !includes(plain(t, got.Body), plain(t, want.Body)) {
			t.Errorf("the gateway has done %+v with %s, want %+v with %s", got, got.Body, want, want.Body)
		}
		done[want.Operation] = true
	}
	if all := agentconfv1.ConferenceService_ServiceDesc.Methods; len(done) != len(all) {
		t.Errorf("the story has %d operations, there are %d", len(done), len(all))
	}
}

// checkEvents compares what happened with what each agent saw.
func checkEvents(t *testing.T, told []emulator.EmittedEvent, seen map[string][]seenEvent) {
	t.Helper()
	want := map[string][]seenEvent{}
	for _, event := range told {
		content, err := json.Marshal(event.Content)
		if err != nil {
			t.Fatal(err)
		}
		want[event.WorkNo] = append(want[event.WorkNo], seenEvent{event.EventType, event.WorkNo, plain(t, content)})
	}
	for id := range want {
		for i := range max(len(want[id]), len(seen[id])) {
			if i >= len(want[id]) || i >= len(seen[id]) || !reflect.DeepEqual(seen[id][i], want[id][i]) {
				t.Errorf("event %d of %s: seen\n%v, happened\n%v", i, id, seen[id], want[id])
				break
			}
		}
	}
}

// plain is JSON in which numbers are texts, since protobuf has those of 64 bits so,
// and nothing is an empty object.
func plain(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return textual(v)
}

func textual(v any) any {
	switch v := v.(type) {
	case nil:
		return map[string]any{}
	case json.Number:
		return v.String()
	case []any:
		for i := range v {
			v[i] = textual(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = textual(v[key])
		}
	}
	return v
}

// includes reports whether got has all that want has.
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
