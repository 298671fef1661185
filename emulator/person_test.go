package emulator

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"
)

var dynamic = Config{AuthMode: DynamicGUID, GUIDInterval: time.Minute, GUIDTimeout: 2 * time.Minute, Node: "AgentGateway1", AnswerDelay: time.Second}

// person is a signed-in agent in a test of the state machine.
type person struct {
	t    *testing.T
	g    *Gateway
	id   string
	guid string
}

func signIn(t *testing.T, g *Gateway, id string) *person {
	t.Helper()
	guid, retcode := g.SignIn(id, SignIn{Phonenum: "40038"}, false)
	if retcode != success {
		t.Fatalf("sign-in of %s: %s", id, retcode)
	}
	p := &person{t: t, g: g, id: id, guid: guid}
	p.expectEvents("AgentOther_InService", "AgentState_Ready")
	return p
}

// do calls an operation, which must be answered with retcode.
func (p *person) do(operation, body, retcode string) {
	p.t.Helper()
	if _, got := p.g.Do(Call{operation, p.id, p.guid, []byte(body)}); got != retcode {
		p.t.Errorf("%s by %s with %s: %s, want %s", operation, p.id, body, got, retcode)
	}
}

// next takes the next event. In a bubble of synctest waiting costs nothing.
func (p *person) next() *Event {
	p.t.Helper()
	event, guid, retcode := p.g.Poll(p.t.Context(), p.id, p.guid)
	if retcode != success {
		p.t.Fatalf("poll of %s: %s", p.id, retcode)
	}
	if guid != "" {
		p.guid = guid
	}
	return event
}

// expectEvents takes events of these types, in this order, and returns the last.
func (p *person) expectEvents(types ...string) (last *Event) {
	p.t.Helper()
	for _, want := range types {
		last = p.next()
		if last == nil || last.EventType != want || last.WorkNo != p.id {
			p.t.Fatalf("event of %s: %+v, want %s", p.id, last, want)
		}
	}
	return last
}

// expectChange takes an AgentConf_ParticipantChanged.
func (p *person) expectChange(change, result int, participant string) {
	p.t.Helper()
	got, ok := p.expectEvents("AgentConf_ParticipantChanged").Content.(participantChanged)
	if !ok || got.ChangeType != change || got.Result != result || got.Participant != participant {
		p.t.Errorf("change told to %s: %+v, want type %d, result %d, participant %s", p.id, got, change, result, participant)
	}
}

// chair signs an agent in and gives it a conference of 4.
func chair(t *testing.T, g *Gateway, id string) *person {
	t.Helper()
	p := signIn(t, g, id)
	p.do("requestagentconf", `{"memberNum":4}`, success)
	p.expectEvents("AgentState_Busy", "AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook",
		"AgentConf_SelfJoinResult", "AgentConf_RequestSuccess")
	return p
}

const (
	phone     = `{"addressType":"6","address":"88887946"}`
	holdPhone = `{"addressType":"6","address":"88887946","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
)

// inBubble runs a test of the state machine where time is free.
func inBubble(t *testing.T, config Config, test func(t *testing.T, g *Gateway)) {
	synctest.Test(t, func(t *testing.T) { test(t, New(config)) })
}

// answers calls an operation, which must succeed with result.
func (p *person) answers(operation, body, result string) {
	p.t.Helper()
	value, retcode := p.g.Do(Call{operation, p.id, p.guid, []byte(body)})
	got, err := json.Marshal(value)
	if err != nil || retcode != success || string(got) != result {
		p.t.Errorf("%s by %s with %s: %s, %s, want %s", operation, p.id, body, retcode, got, result)
	}
}

// await polls until an event of this type comes.
func (p *person) await(eventType string) {
	p.t.Helper()
	for range 1000 {
		if event := p.next(); event != nil && event.EventType == eventType {
			return
		}
	}
	p.t.Fatalf("no %s came to %s", eventType, p.id)
}
