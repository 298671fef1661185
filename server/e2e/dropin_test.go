package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"agentconf/emulator"
)

// The proof that agentconf can take the place of a CC-Gateway: a program that was
// written for the one has, request by request, the same conversation with the other.
// What is compared are the bytes, but for the GUIDs, which are numbered in the order of
// their appearance, and for what the table of differences says.
func TestDropIn(t *testing.T) {
	direct := transcriptOf(t, func(e *emulated) dialer { return e.dialGateway })
	through := transcriptOf(t, func(e *emulated) dialer { return e.dialHTTP })
	if len(direct) != len(through) {
		t.Fatalf("%d requests to the gateway, %d through agentconf", len(direct), len(through))
	}
	met := map[string]bool{}
	for i := range direct {
		if kind := compare(t, direct[i], through[i]); kind != "" {
			met[kind] = true
		}
	}
	for kind := range differences {
		if !met[kind] {
			t.Errorf("nothing differs any more because %s", kind)
		}
	}
	checkCoverage(t, direct, through)
}

// transcriptOf plays the scenario with a new gateway, at the address that reach
// returns. In a bubble it is always the same time of day.
func transcriptOf(t *testing.T, reach func(*emulated) dialer) []exchange {
	t.Helper()
	config := emulator.Config{
		AuthMode: emulator.DynamicGUID, GUIDInterval: time.Minute, GUIDTimeout: 2 * time.Minute,
		AnswerDelay: time.Second, SignOutAfter: 2 * time.Minute, Inspectors: []string{"1287"},
	}
	c := &vendorClient{guids: map[string]string{}}
	inBubble(t, config, func(t *testing.T, e *emulated) {
		c.dial = reach(e)
		for _, s := range dropInScenario {
			c.play(t, s, e.emulator)
		}
	})
	return numbered(c.transcript)
}

// compare compares an exchange with the gateway with the same one through agentconf,
// and returns the kind of a difference that is in the table.
func compare(t *testing.T, direct, through exchange) (kind string) {
	t.Helper()
	if direct.request != through.request {
		t.Fatalf("the client sends\n%s\nand then\n%s", direct.request, through.request)
	}
	if direct.head != through.head || direct.length != len(direct.body) || through.length != len(through.body) {
		t.Errorf("%s\nis answered with the head\n%s\n(and %d bytes)\nthrough agentconf\n%s\n(and %d bytes)",
			direct.request, direct.head, direct.length, through.head, through.length)
	}
	if direct.body == through.body {
		return ""
	}
	for kind, is := range differences {
		if is(direct, through) {
			return kind
		}
	}
	t.Errorf("%s\nis answered with\n%s\nthrough agentconf\n%s", direct.request, direct.body, through.body)
	return ""
}

// differences are the answers of agentconf that are not the gateway's, and meant to be
// so. Each is a line of docs/drop-in.md, which has the reason.
var differences = map[string]func(direct, through exchange) bool{
	"wrong arguments": saidInstead(map[string]string{
		"PUT onlineagent/7":                                   "000-002 login was not applied, the request is wrong: agentId must be decimal digits without a leading zero, 101 to 59999.",
		"PUT onlineagent/4004":                                "000-002 login was not applied, the request is wrong: phonenum must be 1 to 24 characters, none of them a control character.",
		"DELETE onlineagent/3003/forcelogoutwithreason/0":     "000-002 forceLogoutWithReason was not applied, the request is wrong: reason must be 1 to 255.",
		`POST agentconf/1287/requestagentconf {"memberNum":0`: "000-002 requestAgentConf was not applied, the request is wrong: memberNum must be 1 to 120.",
		`POST agentconf/1287/holdparticipant {"addressType":"7"`: "000-002 holdParticipant was not applied, the request is wrong: " +
			`addressType must be "6" (phone number) or "9" (agent ID).`,
	}),
	"a body that is no JSON": saidInstead(map[string]string{
		`POST agentconf/1287/holdparticipant {"addressType":"6"`: "000-002 holdParticipant was not applied, the request is wrong: body is cut short: its JSON has no end.",
	}),
	"a field that the operation does not have": saidInstead(map[string]string{
		`POST agentconf/1287/changeparticipantmode {"note":"new"`: "000-002 changeParticipantMode was not applied, the request is wrong: note is not a field of this request.",
	}),
	"no `Guid`": saidInstead(map[string]string{
		"POST agentconf/1287/holdparticipant": "000-003 holdParticipant was not applied: the GUID is missing. Send the GUID of the agent's sign-in as metadata guid (over HTTP: header Guid).",
	}),
	"the order of keys": func(direct, through exchange) bool {
		return strings.Contains(direct.body, `"event":`) && inOrder(direct.body) == inOrder(through.body)
	},
}

// saidInstead is the difference of answers that agentconf gives without asking the
// gateway: what it says, by how the request begins.
func saidInstead(said map[string]string) func(direct, through exchange) bool {
	return func(_, through exchange) bool {
		var a struct{ Message, Retcode string }
		if json.Unmarshal([]byte(through.body), &a) != nil {
			return false
		}
		for request, answer := range said {
			if strings.HasPrefix(through.asked, request) && answer == a.Retcode+" "+a.Message {
				return true
			}
		}
		return false
	}
}

// inOrder is JSON with its keys in alphabetical order.
func inOrder(text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return text
	}
	out, _ := json.Marshal(v)
	return string(out)
}

// checkCoverage compares the scenario with the README's operations: each has succeeded,
// and each was refused by the gateway in words that came through.
func checkCoverage(t *testing.T, direct, through []exchange) {
	t.Helper()
	readme, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(\\w+) /agentgateway/resource/([^`]+)`").FindAllStringSubmatch(string(readme), -1)
	if len(rows) < 28 {
		t.Errorf("docs/api.md has %d operations with a path of the gateway, there are 28", len(rows))
	}
	for _, row := range rows {
		path := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(row[3]), `[^/?]+`)
		line := regexp.MustCompile("^" + row[2] + " " + path + `(\?\S*)?( |$)`)
		succeeded, refused := false, false
		for i, x := range direct {
			if line.MatchString(x.asked) && x.body == through[i].body {
				success := strings.Contains(x.body, `"retcode":"0"`)
				succeeded, refused = succeeded || success, refused || !success
			}
		}
		if !succeeded || !refused {
			t.Errorf("%s has succeeded: %v, was refused: %v", row[1], succeeded, refused)
		}
	}
}

// The document has a line for each kind of difference.
func TestDropInDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/drop-in.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{"the header `X-Request-Id`"} // which transcripts do not have
	for kind := range differences {
		kinds = append(kinds, kind)
	}
	for _, kind := range kinds {
		if !strings.Contains(string(document), "\n| "+kind+" |") {
			t.Errorf("docs/drop-in.md has no line on %s", kind)
		}
	}
}

var aGUID = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.AgentGateway1`)

// numbered is a transcript with numbers for its GUIDs, whose length stays.
func numbered(transcript []exchange) []exchange {
	var seen []string
	number := func(text string) string {
		return aGUID.ReplaceAllStringFunc(text, func(guid string) string {
			i := slices.Index(seen, guid)
			if i < 0 {
				seen, i = append(seen, guid), len(seen)
			}
			return fmt.Sprintf("GUID-%0*d", len(guid)-len("GUID-"), i)
		})
	}
	for i, x := range transcript {
		x.request, x.head, x.body = number(x.request), number(x.head), number(x.body)
		transcript[i] = x
	}
	return transcript
}
