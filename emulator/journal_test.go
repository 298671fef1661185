package emulator

import (
	"strings"
	"testing"
	"time"
)

// The journal has requests with the state of their GUIDs, events, and deliveries.
func TestJournalEntries(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.send("GET", eventPath, "")
		current := a.guid
		a.guid = "wrong"
		a.send("POST", sessionPath+"/handshake", "")
		a.guid = ""
		a.send("POST", sessionPath+"/handshake", "")
		a.guid = current
		a.send("POST", "/emulator/faults", `{"events":"lose","eventType":"AgentOther_ShutdownService"}`)
		a.send("DELETE", sessionPath+"/logout", "")
		got := a.send("GET", "/emulator/journal", "").Body.String()
		for _, want := range []string{
			`"kind":"request","operation":"login","agentId":"1287"`,
			`"kind":"event","agentId":"1287","eventType":"AgentOther_InService","delivery":"queued"`,
			`"operation":"getAgentEvent","agentId":"1287","guid":"current"`,
			`"kind":"delivery","agentId":"1287","eventType":"AgentOther_InService","event":1,"by":"poll"`,
			`"operation":"handshake","agentId":"1287","guid":"unknown","retcode":"000-003"`, `"guid":"none"`,
			`"delivery":"lost","fault":"f1"`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
		if strings.Contains(got, current) {
			t.Error("the journal has a GUID")
		}
	})
}

// The masked journal has no phone number, voice path or password, whoever acts.
func TestMaskedJournal(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		err := g.AddRules(Rule{On: "holdParticipant", Do: actAnswer}, Rule{On: onRing, Address: "88887946", Do: actAnswer})
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, g.Handler(), "PUT", resourceRoot+"onlineagent/1300", "", `{"password":"secret","phonenum":"40038"}`)
		chair := startConference(t, g, "1287")
		chair.expectRetcode("batchaddparticipant", addresses(phone), success)
		chair.expectChange(changeJoined, 0, "88887946")
		chair.expectRetcode("holdparticipant", holdPhone, success)
		time.Sleep(time.Second)
		got := exchange(t, g.Handler(), "GET", "/emulator/journal?mask=true", "", "").Body.String()
		for _, secret := range []string{"88887946", "40038", "secret", "1136287"} {
			if strings.Contains(got, secret) {
				t.Errorf("%s is in\n%s", secret, got)
			}
		}
		if !strings.Contains(got, "answer failed") {
			t.Errorf("no failed act in\n%s", got)
		}
	})
}

// The limit of the journal covers the bodies of faults.
func TestJournalLimitsFaults(t *testing.T) {
	g := New(Config{JournalBytes: 100 << 10})
	for range 10 {
		if err := g.SetFault(Fault{Operation: "login", Body: strings.Repeat("x", 60<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := g.Journal().After(0); len(entries) != 1 {
		t.Errorf("the journal has %d entries, want 1", len(entries))
	}
}

// A request that fails has one line in Warnings, with the field and without its value.
func TestWarnings(t *testing.T) {
	var warnings strings.Builder
	g := New(Config{Warnings: &warnings, AuthMode: StaticGUID, SignOutAfter: -1, AnswerDelay: -1})
	guid := seedPhone(t, g)
	for _, test := range []struct{ operation, body, want string }{
		{"holdparticipant", phone, "holdParticipant by agent \"1287\": voicePath is missing (retcode 000-002)"},
		{"holdparticipant", `{"addressType":"7"}`, `addressType is not "6" or "9"`},
		{"holdparticipant", `{"addressType":6}`, "addressType is a JSON number, not string"},
		{"holdparticipant", `[]`, "the body is a JSON array, not an object"},
		{"unholdparticipant", phone1, "address is no participant that has joined"},
		{"batchaddparticipant", addresses(phone), "addresses has a participant who is in the conference"},
		{"prolongtime", `{"prolongTime":0}`, "prolongTime is not from 1 to 1440"},
	} {
		warnings.Reset()
		g.Do(Request{test.operation, "1287", guid, []byte(test.body)})
		got := warnings.String()
		if !strings.Contains(got, test.want) || strings.Count(got, "\n") != 1 || strings.Contains(got, "88887946") {
			t.Errorf("%s %s: %q, want %q", test.operation, test.body, got, test.want)
		}
	}
}
