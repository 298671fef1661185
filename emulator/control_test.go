package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"agentconf/emulator/journal"
)

const testSeed = `{
	"accounts":[{"agentId":"1300","account":"ann","password":"right"}],
	"agents":[{"agentId":"1287","guid":"g1"},{"agentId":"2002","guid":"g2"},{"agentId":"3003"}],
	"conferences":[{"chair":"1287","participants":[
		{"addressType":"6","address":"88887946","state":"held"},
		{"addressType":"6","address":"1","state":"ringing"},
		{"addressType":"6","address":"2","mode":1},
		{"addressType":"9","address":"2002","state":"ringing"}]}],
	"scenario":[{"on":"ring","address":"5","do":"busy"}],
	"faults":[{"operation":"login","retcode":"100-003"}]}`

// A seed is the state at once, and a wrong one changes nothing.
func TestSeed(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.send("DELETE", sessionPath+"/logout", "")
		w := a.send("POST", "/emulator/seed", testSeed)
		var got struct {
			Agents      []AgentState
			Conferences []ConferenceState
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		var states []string
		for _, p := range got.Conferences[0].Participants {
			states = append(states, p.State)
		}
		for _, agent := range got.Agents {
			states = append(states, agent.State)
		}
		if s := strings.Join(states, " "); s != "talking held ringing talking ringing talking ringing idle" {
			t.Errorf("states: %s", s)
		}
		held := got.Conferences[0].Participants[1]
		if held.Announcement == nil || held.Announcement.VoicePath != defaultHoldVoice || held.Announcement.EndsAt != nil {
			t.Errorf("held: %+v", held)
		}
		if muted := got.Conferences[0].Participants[3]; !muted.Muted || !got.Conferences[0].Participants[0].Chair {
			t.Errorf("muted: %+v", muted)
		}
		state := func() string {
			return a.send("GET", "/emulator/agents", "").Body.String() + a.send("GET", "/emulator/faults", "").Body.String()
		}
		before := state()
		for body, want := range map[string]string{
			`{"agent":[]}`:                    "agent",
			`{"agents":[{"agentId":"1"}]}`:    "agent ID",
			`{"agents":[{"agentId":"1287"}]}`: "signed in already",
			`{"agents":[{"agentId":"4004"}],"faults":[{"events":"lose"},{}]}`:                                   "fault 2",
			`{"agents":[{"agentId":"4004"}],"scenario":[{}]}`:                                                   "rule 1",
			`{"conferences":[{"chair":"1287"}]}`:                                                                "in a conference already",
			`{"conferences":[{"chair":"3003","capacity":121}]}`:                                                 "120",
			`{"accounts":[{"agentId":"x"}]}`:                                                                    "agent ID",
			`{"conferences":[{"chair":"3003","participants":[{"addressType":"6","address":"7","state":"x"}]}]}`: "talking, held, ringing",
		} {
			w := a.send("POST", "/emulator/seed", body)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: HTTP status %d, %s, want %s", body, w.Code, w.Body, want)
			}
		}
		if after := state(); after != before {
			t.Errorf("wrong seeds have changed\n%s to\n%s", before, after)
		}
	})
}

// Reset ends sessions, conferences, faults, rules and the journal, and counts anew.
func TestReset(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, _ := startMeeting(t, g)
		g.SetFault(Fault{Events: "lose", Count: -1})
		if err := g.AddRules(Rule{On: "holdParticipant", Do: "hangup", After: Duration(time.Second)}); err != nil {
			t.Fatal(err)
		}
		chair.expectRetcode("holdparticipant", holdPhone, success)
		g.ClearFaults()
		ended := make(chan string)
		go func() {
			_, _, retcode := g.Poll(t.Context(), chair.id, chair.guid)
			ended <- retcode
		}()
		time.Sleep(time.Millisecond)
		g.Reset()
		if retcode := <-ended; retcode != notSignedIn {
			t.Errorf("the waiting poll: %s", retcode)
		}
		time.Sleep(time.Hour) // beyond all timers
		if len(g.Agents())+len(g.Conferences())+len(g.Faults())+len(g.Rules())+len(g.Events())+len(g.Log()) > 0 {
			t.Errorf("left: %+v %+v %+v %+v", g.Agents(), g.Conferences(), g.Faults(), g.Rules())
		}
		entries, _ := g.Journal().After(0)
		for _, e := range entries {
			if e.Action == "rule" {
				t.Errorf("an act of before: %+v", e)
			}
		}
		startMeeting(t, g)
		if log := g.Log(); log[0].Seq != 1 || g.Conferences()[0].ConfID != firstConferenceID {
			t.Errorf("after the reset: %+v", log[0])
		}
	})
}

// People act by HTTP, as far as their state allows.
func TestPeople(t *testing.T) {
	config := dynamicConfig
	config.ManualPhones, config.AuthMode = true, StaticGUID
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		chair, guest := startConference(t, g, "1287"), signIn(t, g, "2002")
		act := func(path string, want int) {
			t.Helper()
			if w := exchange(t, g.Handler(), "POST", "/emulator/"+path, "", ""); w.Code != want {
				t.Errorf("%s: HTTP status %d, %s", path, w.Code, w.Body)
			}
		}
		chair.expectRetcode("batchaddparticipant", addresses(phone1, phone2, guestAddress), success)
		time.Sleep(30 * time.Minute) // a manual phone rings until somebody answers
		act("phones/1/hangup", http.StatusConflict)
		act("phones/1/answer", http.StatusOK)
		act("phones/1/answer", http.StatusConflict)
		act("phones/2/refuse", http.StatusOK)
		act("agents/2002/answer", http.StatusOK)
		act("phones/1/dance", http.StatusNotFound)
		act("phones/9/answer", http.StatusConflict)
		chair.expectChange(changeJoined, 0, "1")
		chair.expectChange(changeJoined, 1, "2")
		chair.expectChange(changeJoined, 0, "2002")
		act("phones/1/hangup", http.StatusOK)
		change := chair.expectEvents("AgentConf_ParticipantChanged").Content.(participantChanged)
		if change.ChangeType != changeLeft || change.ChangeReason != reasonHungUp {
			t.Errorf("hang-up: %+v", change)
		}
		act("agents/2002/hangup", http.StatusOK)
		chair.expectChange(changeLeft, 0, "2002")
		guest.awaitEvent("AgentConf_SelfLeaveResult")
		act("agents/1287/hangup", http.StatusOK) // the chairperson ends the conference
		chair.awaitEvent("AgentConf_SelfLeaveResult")
		if len(g.Conferences()) > 0 {
			t.Errorf("conferences: %+v", g.Conferences())
		}
	})
}

// The rules of a scenario act on calls, operations and events.
func TestScenario(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := startConference(t, g, "1287")
		var rules []Rule
		err := json.Unmarshal([]byte(`[
			{"on":"ring","address":"1","do":"busy"},
			{"on":"ring","address":"2","do":"answer","after":"3s"},
			{"on":"holdParticipant","address":"2","do":"hangup","after":"2s"},
			{"on":"unholdParticipant","do":"fault","fault":{"operation":"prolongTime","retcode":"999-999"},"count":1},
			{"on":"AgentConf_ParticipantChanged","address":"3","do":"event","event":{"eventType":"AgentState_Ready","content":{"a":1}}},
			{"on":"AgentState_Ready","do":"event","event":{"eventType":"AgentState_Ready"}},
			{"on":"prolongTime","do":"signOut","after":"1s"}]`), &rules)
		if err == nil {
			err = g.AddRules(rules...)
		}
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		chair.expectRetcode("batchaddparticipant", addresses(phone1, phone2, phone3), success)
		chair.expectChange(changeJoined, 1, "1")
		chair.expectChange(changeJoined, 0, "3")
		chair.expectEvents("AgentState_Ready")
		chair.expectChange(changeJoined, 0, "2")
		if time.Since(start) != 3*time.Second {
			t.Errorf("answered after %v", time.Since(start))
		}
		chair.expectRetcode("holdparticipant", strings.Replace(holdPhone, "88887946", "2", 1), success)
		held := time.Now()
		chair.expectChange(changeHeld, 0, "2")
		chair.expectChange(changeLeft, 0, "2")
		if time.Since(held) != 2*time.Second {
			t.Errorf("hung up after %v", time.Since(held))
		}
		chair.expectRetcode("holdparticipant", strings.Replace(holdPhone, "88887946", "3", 1), success)
		chair.expectRetcode("unholdparticipant", phone3, success)
		time.Sleep(time.Millisecond)
		chair.expectRetcode("prolongtime", `{"prolongTime":1}`, "999-999")
		chair.expectRetcode("prolongtime", `{"prolongTime":1}`, success)
		time.Sleep(2 * time.Second)
		chair.expectRetcode("prolongtime", `{"prolongTime":1}`, notSignedIn)
	})
}

// A rule that can never apply is refused with what exists. Their number is limited, and so is
// that of acts that wait.
func TestRuleLimits(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		for text, want := range map[string]string{
			`{}`:                                                  "ring, login",
			`{"on":"ring","do":"hangup"}`:                         "answer, refuse, busy, nothing",
			`{"on":"holdParticipant","do":"busy"}`:                "signOut",
			`{"on":"ring","do":"busy","after":"2h"}`:              "1h",
			`{"on":"holdParticipant","do":"fault"}`:               "goes with the field",
			`{"on":"ring","do":"busy","fault":{"events":"lose"}}`: "goes with the field",
			`{"on":"holdParticipant","do":"fault","fault":{}}`:    "operation or events",
			`{"on":"ring","do":"busy","when":1}`:                  "when",
		} {
			w := exchange(t, g.Handler(), "POST", "/emulator/scenario", "", text)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: HTTP status %d, %s, want %s", text, w.Code, w.Body, want)
			}
		}
		valid := Rule{On: onRing, Do: doBusy}
		if err := g.AddRules(slices.Repeat([]Rule{valid}, maxRules)...); err != nil {
			t.Error(err)
		}
		if err := g.AddRules(valid); err == nil || len(g.Rules()) != maxRules {
			t.Errorf("one rule too many: %v", err)
		}
		g.pendingActs = maxPendingActs
		g.mu.Lock()
		g.scheduleAct(Rule{Do: actHangUp}, trigger{})
		g.mu.Unlock()
		entries, _ := g.Journal().After(0)
		if last := entries[len(entries)-1]; last.Kind != journal.Control || last.Action != "rule" {
			t.Errorf("%+v", last)
		}
	})
}

// A browser does not let other sites control the emulator.
func TestControlRefusesOtherSites(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		for path, want := range map[string]int{"/emulator/reset": http.StatusForbidden, "/emulator/agents": http.StatusOK} {
			method := map[string]string{"/emulator/reset": "POST", "/emulator/agents": "GET"}[path]
			r, err := http.NewRequest(method, "http://127.0.0.1"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if w := serve(a.handler, r); w.Code != want {
				t.Errorf("%s: HTTP status %d, want %d", path, w.Code, want)
			}
		}
		if w := a.send("DELETE", "/emulator/faults/f9", ""); w.Code != http.StatusNotFound {
			t.Errorf("unknown fault: HTTP status %d", w.Code)
		}
		w := a.send("POST", "/emulator/faults", strings.Repeat(" ", maxControlBody+1))
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("large body: HTTP status %d", w.Code)
		}
	})
}
