package main

import (
	"encoding/json"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The demo prints every step, call and event as sentences, and ends with success.
func TestDemo(t *testing.T) {
	code, out, errs := runCommand(t, nil, "demo")
	if code != 0 || errs != "" {
		t.Fatalf("got exit code %d, stderr %q, want 0 and none; stdout:\n%s", code, errs, out)
	}
	for part, times := range map[string]int{
		"has joined (changeType 0)": 2,
		"\n   event  to agent 1287: 88887946 is on hold, the announcement plays (changeType 5)\n":                1,
		"88887946 is off hold and talks again (changeType 6)":                                                    1,
		"HoldParticipant by agent 1287 on agent 2002: applied\n   event  in the response: agent 2002 is on hold": 1,
		"the agent is now the chairperson of conference":                                                         2,
		"/agentgateway/resource/agentconf/1287/holdparticipant: applied":                                         1,
		"/v1/agents/1287/conference:unholdParticipant: applied":                                                  1,
		"on 88887946: outcome not_applied, reason NOT_CHAIRPERSON. The error says: holdPartic":                   1,
	} {
		if got := strings.Count(joined(out), joined(part)); got != times {
			t.Errorf("got %q %d times, want %d times, in:\n%s", part, got, times, out)
		}
	}
	expectColumns(t, out)
}

// joined returns text without the line breaks and indents of wrapped sentences.
func joined(text string) string { return regexp.MustCompile(`\n {10}`).ReplaceAllString(text, " ") }

func expectColumns(t *testing.T, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		if utf8.RuneCountInString(line) > 100 {
			t.Errorf("got a line of %d columns, want at most 100: %s", utf8.RuneCountInString(line), line)
		}
	}
}

// With --json, every line is a record. A call has its request and response, and an event
// its content.
func TestDemoJSON(t *testing.T) {
	code, out, errs := runCommand(t, nil, "demo", "--json")
	if code != 0 || errs != "" {
		t.Fatalf("got exit code %d, stderr %q, want 0 and none", code, errs)
	}
	kinds, outcomes, held := map[string]int{}, map[string]int{}, 0
	for line := range strings.Lines(out) {
		var r demoRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Text == "" {
			t.Fatalf("got the line %s (%v), want a record with a text", line, err)
		}
		kinds[r.Kind]++
		if r.Kind == "call" {
			outcomes[r.Outcome]++
			if r.Method != "Login" && (len(r.Request) == 0 || len(r.Response) == 0) {
				t.Errorf("got the call %s, want its request and response", line)
			}
		}
		var event struct{ ParticipantChanged struct{ ChangeType int } }
		if r.Kind == "event" && json.Unmarshal(r.Event, &event) == nil && event.ParticipantChanged.ChangeType == 5 {
			held++
		}
	}
	if kinds["started"] != 2 || kinds["step"] != 8 || held != 2 || outcomes["applied"] != 11 || outcomes["not_applied"] != 1 {
		t.Errorf("got %v, %v and %d held events in:\n%s", kinds, outcomes, held, out)
	}
}

// A demo that stays takes free ports instead of the ports in use, and prints the addresses
// of its pages.
func TestDemoStaysOnFreePorts(t *testing.T) {
	for _, usual := range demoPorts {
		if l, err := net.Listen("tcp", usual); err == nil { // or another program has the port
			defer l.Close()
		}
	}
	d := start(t, "/emulator/log", nil, "demo", "--stay")
	for _, address := range []string{
		`(?m)^  page  http://127\.0\.0\.1:\d+/$`, `(?m)^  docs  http://127\.0\.0\.1:\d+/docs$`,
	} {
		if !regexp.MustCompile(address).MatchString(d.printed) {
			t.Errorf("got no line %s in:\n%s", address, d.printed)
		}
	}
	for _, usual := range demoPorts {
		if strings.Contains(d.printed, usual) {
			t.Errorf("got the port %s, which is in use", usual)
		}
	}
	expectColumns(t, d.printed)
	if code, rest := d.stop(); code != 0 {
		t.Errorf("got exit code %d, want 0; output %s", code, rest)
	}
}

// The README has every command that the demo prints, and .ci/first-five-minutes runs the
// commands of the README.
func TestDemoCommands(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	d := &demo{printer: &demoPrinter{out: &out}, chair: demoAgent{guid: "$GUID"},
		gateway: "http://127.0.0.1:8043", grpc: "127.0.0.1:9090", http: "http://127.0.0.1:8080"}
	d.printCommands()
	written := oneLine(string(readme))
	commands := regexp.MustCompile(`(?m)^(grp)?curl (.*\\\n|.*,\n)*.*$`).FindAllString(out.String(), -1)
	for _, command := range commands {
		command = regexp.MustCompile(`'([Gg]uid: \$GUID)'`).ReplaceAllString(oneLine(command), `"$1"`)
		if !strings.Contains(written, command) {
			t.Errorf("got a README without the command %s", command)
		}
	}
	if len(commands) != 4 || !strings.Contains(out.String(), "\nexport GUID=$GUID\n") {
		t.Errorf("got %d commands, want 4 and the export of GUID, in:\n%s", len(commands), &out)
	}
}

// oneLine returns text without the line breaks of continued commands.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "\\\n", " ")), " ")
}

// A failed change, and a change that the vendor's documentation does not have, are no
// success.
func TestChangeWords(t *testing.T) {
	for _, test := range []struct {
		change *agentconfv1.ParticipantChanged
		want   string
	}{
		{&agentconfv1.ParticipantChanged{ChangeType: new(int32(5)), Participant: new("88887946"), ParticipantType: new(int32(6))},
			"88887946 is on hold, the announcement plays (changeType 5)"},
		{&agentconfv1.ParticipantChanged{ChangeType: new(int32(5)), Result: new(int32(1)), Participant: new("2002"), ParticipantType: new(int32(9))},
			"agent 2002 was not put on hold (changeType 5, result 1)"},
		{&agentconfv1.ParticipantChanged{ChangeType: new(int32(7)), Participant: new("2002"), ParticipantType: new(int32(9))},
			"agent 2002 has changed (changeType 7)"},
	} {
		if got := changeWords(test.change); got != test.want {
			t.Errorf("%v: got %q, want %q", test.change, got, test.want)
		}
	}
}
