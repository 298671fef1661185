package emulator

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var dynamicConfig = Config{
	AuthMode: DynamicGUID, GUIDInterval: time.Minute, GUIDTimeout: 2 * time.Minute,
	AnswerDelay: time.Second, SignOutAfter: -1,
}

const (
	phone     = `{"addressType":"6","address":"88887946"}`
	holdPhone = `{"addressType":"6","address":"88887946","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`

	phone1 = `{"addressType":"6","address":"1"}`
	phone2 = `{"addressType":"6","address":"2"}`
	phone3 = `{"addressType":"6","address":"3"}`

	chairAddress = `{"addressType":"9","address":"1287"}`
	guestAddress = `{"addressType":"9","address":"2002"}`
	holdGuest    = `{"addressType":"9","address":"2002","voicePath":"y:/conf/1/a.V3"}`
)

// addresses returns the body of an invitation or a removal.
func addresses(list ...string) string { return `{"addresses":[` + strings.Join(list, ",") + `]}` }

// testAgent is a signed-in agent.
type testAgent struct {
	t    *testing.T
	g    *Gateway
	id   string
	guid string
}

// inBubble runs a test with a gateway in a synctest bubble.
func inBubble(t *testing.T, config Config, test func(t *testing.T, g *Gateway)) {
	synctest.Test(t, func(t *testing.T) { test(t, New(config)) })
}

func signIn(t *testing.T, g *Gateway, id string) *testAgent {
	t.Helper()
	guid, retcode := g.SignIn(id, SignIn{Phonenum: "40038"}, false)
	if retcode != success {
		t.Fatalf("sign-in of %s: %s", id, retcode)
	}
	a := &testAgent{t: t, g: g, id: id, guid: guid}
	a.expectEvents("AgentOther_InService", "AgentState_Ready")
	return a
}

// startConference signs an agent in and gives it a conference of 4.
func startConference(t *testing.T, g *Gateway, id string) *testAgent {
	t.Helper()
	a := signIn(t, g, id)
	a.expectRetcode("requestagentconf", `{"memberNum":4}`, success)
	a.expectBegin()
	return a
}

// expectBegin takes the events of a successful application for a conference.
func (a *testAgent) expectBegin() {
	a.t.Helper()
	a.expectEvents("AgentState_Busy", "AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook",
		"AgentConf_SelfJoinResult", "AgentConf_RequestSuccess")
}

// startMeeting returns a conference of 4 with the chairperson, another agent and a phone.
func startMeeting(t *testing.T, g *Gateway) (chair, guest *testAgent) {
	t.Helper()
	chair, guest = startConference(t, g, "1287"), signIn(t, g, "2002")
	chair.expectRetcode("batchaddparticipant", addresses(phone, guestAddress), success)
	guest.expectRetcode("answeragentconf", "", success)
	guest.expectEvents("AgentConf_Ringing", "AgentState_Busy", "AgentConf_SelfJoinResult")
	for _, a := range []*testAgent{chair, guest} {
		a.expectChange(changeJoined, 0, "2002")
		a.expectChange(changeJoined, 0, "88887946")
	}
	return chair, guest
}

// expectRetcode sends a request and checks its retcode.
func (a *testAgent) expectRetcode(operation, body, retcode string) {
	a.t.Helper()
	if _, got := a.g.Do(Request{operation, a.id, a.guid, []byte(body)}); got != retcode {
		a.t.Errorf("%s by %s with %s: %s, want %s", operation, a.id, body, got, retcode)
	}
}

// expectResult sends a request and checks that it succeeds with result.
func (a *testAgent) expectResult(operation, body, result string) {
	a.t.Helper()
	value, retcode := a.g.Do(Request{operation, a.id, a.guid, []byte(body)})
	got, err := json.Marshal(value)
	if err != nil || retcode != success || string(got) != result {
		a.t.Errorf("%s by %s with %s: %s, %s, want %s", operation, a.id, body, retcode, got, result)
	}
}

// poll takes the next event. In a synctest bubble, waiting takes no real time.
func (a *testAgent) poll() *Event {
	a.t.Helper()
	event, guid, retcode := a.g.Poll(a.t.Context(), a.id, a.guid)
	if retcode != success {
		a.t.Fatalf("poll of %s: %s", a.id, retcode)
	}
	if guid != "" {
		a.guid = guid
	}
	return event
}

// awaitEvent polls until an event of this type arrives.
func (a *testAgent) awaitEvent(eventType string) {
	a.t.Helper()
	for range 1000 {
		if event := a.poll(); event != nil && event.EventType == eventType {
			return
		}
	}
	a.t.Fatalf("no %s came to %s", eventType, a.id)
}

// expectEvents takes events of these types, in this order, and returns the last one.
func (a *testAgent) expectEvents(types ...string) (last *Event) {
	a.t.Helper()
	for _, want := range types {
		last = a.poll()
		if last == nil || last.EventType != want || last.WorkNo != a.id {
			a.t.Fatalf("event of %s: %+v, want %s", a.id, last, want)
		}
	}
	return last
}

// expectChange takes an AgentConf_ParticipantChanged and checks its content.
func (a *testAgent) expectChange(change, result int, participant string) {
	a.t.Helper()
	got, ok := a.expectEvents("AgentConf_ParticipantChanged").Content.(participantChanged)
	if !ok || got.ChangeType != change || got.Result != result || got.Participant != participant {
		a.t.Errorf("change for %s: %+v, want type %d, result %d, participant %s",
			a.id, got, change, result, participant)
	}
}
