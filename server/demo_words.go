package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// demoColumns is the width of a line of the demo's text.
const demoColumns = 100

// demoRecord is one thing that happens in the demo. Its text is a sentence for people. The
// other fields are for programs, and only --json prints them.
type demoRecord struct {
	Kind    string `json:"kind"` // started, step, call, event, note or ready
	Text    string `json:"text"`
	AgentID string `json:"agentId,omitempty"` // the caller of a call, or the receiver of an event

	// The fields of a call. Path is empty over gRPC.
	Method   string          `json:"method,omitempty"`
	Path     string          `json:"path,omitempty"`
	Request  json.RawMessage `json:"request,omitempty"`
	Response json.RawMessage `json:"response,omitempty"`
	Outcome  string          `json:"outcome,omitempty"`
	Reason   string          `json:"reason,omitempty"` // of an error

	Event json.RawMessage `json:"event,omitempty"`

	// The addresses of kinds started and ready, and the GUID of the chairperson.
	Gateway string `json:"gateway,omitempty"`
	GRPC    string `json:"grpc,omitempty"`
	HTTP    string `json:"http,omitempty"`
	Page    string `json:"page,omitempty"`
	Docs    string `json:"docs,omitempty"`
	GUID    string `json:"guid,omitempty"`
}

// demoPrinter prints records as text, or as lines of JSON. It may be used by several
// goroutines.
type demoPrinter struct {
	mu     sync.Mutex
	out    io.Writer
	asJSON bool
}

func (p *demoPrinter) print(r demoRecord) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asJSON {
		encoder := json.NewEncoder(p.out)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(r) // an error means that the reader is gone
		return
	}
	io.WriteString(p.out, r.words())
}

// words returns the record as lines of at most demoColumns columns. A word that is longer
// has a line of its own. The text of kind ready has lines already.
func (r demoRecord) words() string {
	switch r.Kind {
	case "step":
		return "\n" + wrap(r.Text, "", "   ")
	case "call":
		return wrap(r.Text, "   call   ", "          ")
	case "event":
		return wrap(r.Text, "   event  ", "          ")
	case "ready":
		return r.Text
	}
	return wrap(r.Text, "", "   ")
}

// wrap breaks text into lines. The first one begins with first, the others with next.
func wrap(text, first, next string) string {
	var b strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > demoColumns:
			b.WriteString(line + "\n")
			line = next + word
		default:
			line += " " + word
		}
	}
	return b.String() + line + "\n"
}

// participantChanges has the sentences of AgentConf_ParticipantChanged, by changeType.
var participantChanges = []struct{ happened, failed string }{
	{"has joined", "did not join"},
	{"has left", "did not leave"},
	{"is the chairperson", "did not become the chairperson"},
	{"is muted", "was not muted"},
	{"is unmuted", "was not unmuted"},
	{"is on hold, the announcement plays", "was not put on hold"},
	{"is off hold and talks again", "was not taken off hold"},
}

// eventWords returns an event as a sentence without a full stop.
func eventWords(e *agentconfv1.AgentEvent) string {
	switch content := e.GetContent().(type) {
	case *agentconfv1.AgentEvent_ParticipantChanged:
		return changeWords(content.ParticipantChanged)
	case *agentconfv1.AgentEvent_RequestSuccess:
		return inConference("the agent is the chairperson of the new", content.RequestSuccess)
	case *agentconfv1.AgentEvent_Ringing:
		return inConference("the phone of the agent rings for", content.Ringing)
	case *agentconfv1.AgentEvent_SelfJoinResult:
		return inConference("the agent has joined", content.SelfJoinResult)
	case *agentconfv1.AgentEvent_SelfLeaveResult:
		return inConference("the agent has left", content.SelfLeaveResult)
	case *agentconfv1.AgentEvent_PresidentChanged:
		return inConference("the agent is now the chairperson of", content.PresidentChanged)
	case *agentconfv1.AgentEvent_StopVoice:
		return "the announcement to the conference has ended"
	case *agentconfv1.AgentEvent_StopParticipantVoice:
		return "the announcement to one participant has ended"
	case *agentconfv1.AgentEvent_ShutdownService:
		return "the agent is signed out"
	}
	return e.GetEventType()
}

func inConference(text string, conference *agentconfv1.ConfReference) string {
	return fmt.Sprintf("%s conference %d", text, conference.GetConfId())
}

// changeWords returns a change of a participant, such as "88887946 is on hold, the
// announcement plays (changeType 5)".
func changeWords(c *agentconfv1.ParticipantChanged) string {
	who := participantWords(fmt.Sprint(c.GetParticipantType()), c.GetParticipant())
	if n := int(c.GetChangeType()); n >= 0 && n < len(participantChanges) {
		change := participantChanges[n]
		if c.GetResult() != 0 {
			return fmt.Sprintf("%s %s (changeType %d, result %d)", who, change.failed, n, c.GetResult())
		}
		return fmt.Sprintf("%s %s (changeType %d)", who, change.happened, n)
	}
	return fmt.Sprintf("%s has changed (changeType %d)", who, c.GetChangeType())
}

// participantWords returns an address of a type: "agent 2002", or a phone number alone.
func participantWords(addressType, address string) string {
	if addressType == "9" {
		return "agent " + address
	}
	return address
}
