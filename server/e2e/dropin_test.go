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

	"agentconf/conformance"
	"agentconf/emulator"
)

// agentconf replaces a CC-Gateway: a client of the gateway gets the same response to every
// request, byte by byte. The comparison numbers GUIDs in the order of their appearance, and
// allows the documented differences.
func TestDropIn(t *testing.T) {
	direct := transcriptOf(t, func(e *emulated) dialer { return e.dialGateway })
	proxied := transcriptOf(t, func(e *emulated) dialer { return e.dialHTTP })
	if len(direct) != len(proxied) {
		t.Fatalf("got %d requests through agentconf, want %d as to the gateway", len(proxied), len(direct))
	}
	seen := map[string]bool{}
	for i := range direct {
		if kind := compare(t, direct[i], proxied[i]); kind != "" {
			seen[kind] = true
		}
	}
	for kind := range differences {
		if !seen[kind] {
			t.Errorf("got no difference of the kind %q, want one, or no entry in differences", kind)
		}
	}
	checkCoverage(t, direct, proxied)
}

// transcriptOf plays the scenario against a new emulator, over the dialer that choose
// returns. The clock of a bubble makes the timestamps of two transcripts equal.
func transcriptOf(t *testing.T, choose func(*emulated) dialer) []exchange {
	t.Helper()
	config := emulator.Config{
		AuthMode: emulator.DynamicGUID, GUIDInterval: time.Minute, GUIDTimeout: 2 * time.Minute,
		AnswerDelay: time.Second, SignOutAfter: 2 * time.Minute, Inspectors: []string{"1287"},
	}
	c := &vendorClient{guids: map[string]string{}}
	inBubble(t, config, func(t *testing.T, e *emulated) {
		c.dial = choose(e)
		for _, s := range dropInScenario {
			c.play(t, s, e.emulator)
		}
	})
	return numberGUIDs(c.transcript)
}

// compare compares an exchange with the gateway to the same exchange through agentconf. It
// returns the kind of a documented difference.
func compare(t *testing.T, direct, proxied exchange) (kind string) {
	t.Helper()
	if direct.request != proxied.request {
		t.Fatalf("got the request\n%s\nwant\n%s", proxied.request, direct.request)
	}
	if direct.head != proxied.head || direct.length != len(direct.body) || proxied.length != len(proxied.body) {
		t.Errorf("%s\ngot the head\n%s\nand %d bytes, want\n%s\nand %d bytes",
			direct.request, proxied.head, proxied.length, direct.head, direct.length)
	}
	if direct.body == proxied.body {
		return ""
	}
	for kind, is := range differences {
		if is(direct, proxied) {
			return kind
		}
	}
	t.Errorf("%s\ngot the body\n%s\nwant\n%s", direct.request, proxied.body, direct.body)
	return ""
}

// differences maps each intended kind of difference to a predicate. docs/drop-in.md has a
// row with the reason of each.
var differences = map[string]func(direct, proxied exchange) bool{
	"wrong arguments": ownResponse(map[string]string{
		"PUT onlineagent/7":                                   "000-002 login was not applied, the request is wrong: agentId must be decimal digits without a leading zero, 101 to 59999.",
		"PUT onlineagent/4004":                                "000-002 login was not applied, the request is wrong: phonenum must be 1 to 24 characters, none of them a control character.",
		"DELETE onlineagent/3003/forcelogoutwithreason/0":     "000-002 forceLogoutWithReason was not applied, the request is wrong: reason must be 1 to 255.",
		`POST agentconf/1287/requestagentconf {"memberNum":0`: "000-002 requestAgentConf was not applied, the request is wrong: memberNum must be 1 to 120.",
		`POST agentconf/1287/holdparticipant {"addressType":"7"`: "000-002 holdParticipant was not applied, the request is wrong: " +
			`addressType must be "6" (phone number) or "9" (agent ID).`,
	}),
	"a body that is no JSON": ownResponse(map[string]string{
		`POST agentconf/1287/holdparticipant {"addressType":"6"`: "000-002 holdParticipant was not applied, the request is wrong: body is cut short: its JSON has no end.",
	}),
	"no `Guid`": ownResponse(map[string]string{
		"POST agentconf/1287/holdparticipant": "000-003 holdParticipant was not applied: the GUID is missing. Send the GUID of the agent's sign-in as metadata guid (over HTTP: header Guid).",
	}),
}

// ownResponse matches the responses that agentconf gives without a request to the gateway.
// responses maps the start of a request's line to retcode and message.
func ownResponse(responses map[string]string) func(direct, proxied exchange) bool {
	return func(_, proxied exchange) bool {
		var got struct{ Message, Retcode string }
		if json.Unmarshal([]byte(proxied.body), &got) != nil {
			return false
		}
		for line, want := range responses {
			if strings.HasPrefix(proxied.line, line) && got.Retcode+" "+got.Message == want {
				return true
			}
		}
		return false
	}
}

// checkCoverage reports every operation with a path of the gateway that lacks a success or
// a refusal of the gateway. Either the scenario has both, or the case table has both, which
// TestContract plays in the gateway dialect.
func checkCoverage(t *testing.T, direct, proxied []exchange) {
	t.Helper()
	played := 0
	for operation, bindings := range httpBindings(t) {
		i := slices.IndexFunc(bindings, func(binding string) bool { return strings.Contains(binding, " /agentgateway/") })
		if i < 0 {
			continue // a stream
		}
		found := scenarioResults(bindings[i], direct, proxied)
		if found != (results{}) {
			played++
		} else {
			found = caseResults(t, operation)
		}
		if found != (results{success: true, refusal: true}) {
			t.Errorf("%s: got %+v, want both: add steps to dropInScenario, or to conformance/cases.json "+
				"a case with code OK and a case with a retcode", operation, found)
		}
	}
	if played < 28 {
		t.Errorf("got %d operations in dropInScenario, want at least 28", played)
	}
}

// results are the kinds of responses that the gateway gave.
type results struct{ success, refusal bool }

// scenarioResults returns the equal responses to requests of a binding, such as
// "GET /agentgateway/resource/agentevent/{agent_id}".
func scenarioResults(binding string, direct, proxied []exchange) (found results) {
	line := regexp.QuoteMeta(strings.Replace(binding, "/agentgateway/resource/", "", 1))
	line = regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(line, `[^/?]+`)
	pattern := regexp.MustCompile("^" + line + `(\?\S*)?( |$)`)
	for i, x := range direct {
		if pattern.MatchString(x.line) && x.body == proxied[i].body {
			found.add(strings.Contains(x.body, `"retcode":"0"`))
		}
	}
	return found
}

// caseResults returns the results of an operation's cases that reach the gateway.
func caseResults(t *testing.T, operation string) (found results) {
	t.Helper()
	for _, c := range readCases(t) {
		if c.Operation() == operation && c.Over(conformance.FrontDialect) && (c.Want.Code == "OK" || c.Want.Retcode != "") {
			found.add(c.Want.Code == "OK")
		}
	}
	return found
}

func (r *results) add(success bool) {
	r.success, r.refusal = r.success || success, r.refusal || !success
}

// docs/drop-in.md has a row for each kind of difference.
func TestDropInDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/drop-in.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{ // exchange.split omits these
		"the header `X-Request-Id`", "the headers `Agentconf-Outcome` and `Agentconf-Reason`", "the header `Retry-After`",
	}
	for kind := range differences {
		kinds = append(kinds, kind)
	}
	for _, kind := range kinds {
		if !strings.Contains(string(page), "\n| "+kind+" |") {
			t.Errorf("docs/drop-in.md: got no row for %q, want one", kind)
		}
	}
}

var guidPattern = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.AgentGateway1`)

// numberGUIDs replaces the GUIDs of a transcript by numbers of the same length.
func numberGUIDs(transcript []exchange) []exchange {
	var guids []string
	number := func(text string) string {
		return guidPattern.ReplaceAllStringFunc(text, func(guid string) string {
			i := slices.Index(guids, guid)
			if i < 0 {
				guids, i = append(guids, guid), len(guids)
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
