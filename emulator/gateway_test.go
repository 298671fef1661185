package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"
)

func TestConference(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss := chair(t, g, "1287")
		guest := signIn(t, g, "2002")

		boss.do("batchaddparticipant", `{"addresses":[`+phone+`,{"addressType":"9","address":"2002"}]}`, success)
		guest.expectEvents("AgentConf_Ringing")
		guest.do("answeragentconf", "", success)
		guest.expectEvents("AgentState_Busy", "AgentConf_SelfJoinResult")
		for _, p := range []*person{boss, guest} {
			p.expectChange(joined, 0, "2002")
			p.expectChange(joined, 0, "88887946")
		}

		boss.do("holdparticipant", holdPhone, success)
		boss.do("unholdparticipant", phone, success)
		boss.do("holdparticipant", `{"addressType":"9","address":"2002","voicePath":"y:/conf/1/a.V3"}`, success)
		for _, p := range []*person{boss, guest} {
			p.expectChange(held, 0, "88887946")
			p.expectChange(unheld, 0, "88887946")
			p.expectChange(held, 0, "2002")
		}

		boss.do("releaseagentconf", "", success)
		for _, p := range []*person{boss, guest} {
			p.expectEvents("AgentMediaEvent_StopRecordDone", "AgentOther_PhoneRelease", "AgentConf_SelfLeaveResult", "AgentState_Ready")
		}
		boss.do("holdparticipant", holdPhone, noConference)
	})
}

// The event as page 0564 prints it, key by key.
func TestParticipantChangedContent(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss := chair(t, g, "1287")
		boss.do("batchaddparticipant", `{"addresses":[{"addressType":"6","address":"88887946","deviceType":5}]}`, success)
		boss.expectChange(joined, 0, "88887946")
		boss.do("holdparticipant", holdPhone, success)
		got, err := json.Marshal(boss.next())
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"eventType":"AgentConf_ParticipantChanged","workNo":"1287","content":{"result":0,"changeReason":255,"changeType":5,"confId":%d,"participant":"88887946","participantType":6,"deviceCallType":0,"deviceType":5}}`, g.lastConf)
		if string(got) != want {
			t.Errorf("event\n%s, want\n%s", got, want)
		}
	})
}

func TestRefusals(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss := chair(t, g, "1287")
		guest := signIn(t, g, "2002")
		loner := signIn(t, g, "3003")
		boss.do("batchaddparticipant", `{"addresses":[{"addressType":"9","address":"2002"}]}`, success)

		loner.do("holdparticipant", holdPhone, noConference)
		loner.do("answeragentconf", "", noConference)
		boss.do("holdparticipant", `{"addressType":"9","address":"2002","voicePath":"x"}`, badArgument) // still ringing
		guest.do("answeragentconf", "", success)
		guest.do("holdparticipant", holdPhone, notChairperson)
		guest.do("releaseagentconf", "", notChairperson)
		guest.do("requestagentconf", `{"memberNum":4}`, alreadyConference)

		boss.do("holdparticipant", holdPhone, badArgument) // not in the conference
		for _, body := range []string{
			"", "{", "[]", `{"addressType":6,"address":"2002","voicePath":"x"}`, `{"addressType":"9","address":"2002"}`,
			`{"addressType":"9","address":"2002","voicePath":"x","playMode":1}`, `{"addressType":"5","address":"2002","voicePath":"x"}`,
		} {
			boss.do("holdparticipant", body, badArgument)
		}
		boss.do("unholdparticipant", `{"addressType":"9","address":"2002"}`, exception)
		boss.do("holdparticipant", `{"addressType":"9","address":"2002","voicePath":"x"}`, success)
		boss.do("holdparticipant", `{"addressType":"9","address":"2002","voicePath":"x"}`, exception)

		for _, body := range []string{`{}`, `{"addresses":[]}`, `{"addresses":[` + phone + `,` + phone + `]}`, `{"addresses":[{"addressType":"9","address":"2002"}]}`,
			`{"addresses":[` + phone + `],"beepTone":true}`, `{"addresses":[{"addressType":"6","address":"1"},{"addressType":"6","address":"2"},{"addressType":"6","address":"3"}]}`} {
			boss.do("batchaddparticipant", body, badArgument)
		}
		for _, body := range []string{`{}`, `{"memberNum":121}`, `{"memberNum":4,"time":3}`, `{"memberNum":4,"promptTime":2}`, `{"memberNum":4,"beepTone":true}`} {
			loner.do("requestagentconf", body, badArgument)
		}
		boss.do("nosuchoperation", "", badArgument)
	})
}

// The chairperson may not act before the conference is announced.
func TestTooEarly(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss := signIn(t, g, "1287")
		boss.do("requestagentconf", `{"memberNum":4}`, success)
		boss.do("batchaddparticipant", `{"addresses":[`+phone+`]}`, noConference)
		boss.do("requestagentconf", `{"memberNum":4}`, alreadyConference)
		time.Sleep(2 * time.Second)
		boss.do("batchaddparticipant", `{"addresses":[`+phone+`]}`, success)
	})
}

// An agent who cannot come is announced as one who did not.
func TestFailedInvitation(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss := chair(t, g, "1287")
		busy := chair(t, g, "2002")
		boss.do("batchaddparticipant", `{"addresses":[{"addressType":"9","address":"2002"},{"addressType":"9","address":"999"}]}`, success)
		boss.expectChange(joined, 1, "2002")
		boss.expectChange(joined, 1, "999")
		if event := busy.next(); event != nil {
			t.Errorf("the busy agent was told %+v", event)
		}
	})
}

func TestSignIn(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		guid, retcode := g.SignIn("1287", SignIn{Phonenum: "40038"}, false)
		if retcode != success || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.AgentGateway1$`).MatchString(guid) {
			t.Errorf("GUID %q, retcode %s", guid, retcode)
		}
		for _, test := range []struct {
			id, phone string
			force     bool
			want      string
		}{
			{"1287", "40038", false, alreadySignedIn},
			{"100", "40038", false, badArgument},
			{"1000000", "40038", false, badArgument},
			{"x", "40038", false, badArgument},
			{"1288", "", false, badSignIn},
			{"1287", "40038", true, success},
		} {
			if _, got := g.SignIn(test.id, SignIn{Phonenum: test.phone}, test.force); got != test.want {
				t.Errorf("%+v: %s", test, got)
			}
		}
		if _, _, retcode := g.Poll(t.Context(), "1287", guid); retcode != noRight {
			t.Errorf("poll with the GUID of the displaced session: %s", retcode)
		}
	})
}

func TestSignOut(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, guest, invited := chair(t, g, "1287"), signIn(t, g, "2002"), signIn(t, g, "3003")
		boss.do("batchaddparticipant", `{"addresses":[{"addressType":"9","address":"2002"},{"addressType":"9","address":"3003"}]}`, success)
		guest.do("answeragentconf", "", success)
		boss.expectChange(joined, 0, "2002")

		if got := g.SignOut("2002", guest.guid, false); got != wrongState {
			t.Errorf("logout in a conference: %s", got)
		}
		if got := g.SignOut("2002", "wrong", true); got != noRight {
			t.Errorf("logout with a wrong GUID: %s", got)
		}
		if got := g.SignOut("3003", invited.guid, false); got != success {
			t.Errorf("logout while ringing: %s", got)
		}
		boss.expectChange(joined, 1, "3003")
		if got := g.SignOut("2002", guest.guid, true); got != success {
			t.Errorf("forced logout: %s", got)
		}
		boss.expectChange(left, 0, "2002")
		if got := g.SignOut("2002", guest.guid, true); got != notSignedIn {
			t.Errorf("logout when signed out: %s", got)
		}
		boss.do("holdparticipant", `{"addressType":"9","address":"2002","voicePath":"x"}`, badArgument)

		boss.do("batchaddparticipant", `{"addresses":[`+phone+`]}`, success)
		if got := g.SignOut("1287", boss.guid, true); got != success { // the phone still rings
			t.Errorf("forced logout of the chairperson: %s", got)
		}
		boss.do("holdparticipant", holdPhone, notSignedIn)
	})
}

// What was to follow an application is dropped if the applicant goes before.
func TestSignOutTooEarly(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		first := signIn(t, g, "1287")
		first.do("requestagentconf", `{"memberNum":4}`, success)
		if got := g.SignOut("1287", first.guid, true); got != success {
			t.Errorf("forced logout: %s", got)
		}
		time.Sleep(2 * time.Second)
		again := signIn(t, g, "1287")
		if event := again.next(); event != nil {
			t.Errorf("event %+v", event)
		}
	})
}

// A poll that waits ends when its agent is signed out, when it is cut off, and
// after 10 s.
func TestPollEnds(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		p := signIn(t, g, "1287")
		start := time.Now()
		if event := p.next(); event != nil || time.Since(start) != 10*time.Second {
			t.Errorf("event %+v after %v", event, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if event, _, retcode := g.Poll(ctx, p.id, p.guid); event != nil || retcode != success || time.Since(start) != time.Second {
			t.Errorf("cut off: %+v, %s after %v", event, retcode, time.Since(start))
		}
		time.AfterFunc(time.Second, func() { g.SignOut(p.id, p.guid, false) })
		p.expectEvents("AgentOther_ShutdownService")
		if _, _, retcode := g.Poll(t.Context(), p.id, p.guid); retcode != notSignedIn {
			t.Errorf("signed out: %s", retcode)
		}
	})
}

func TestDynamicGUID(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		p := signIn(t, g, "1287")
		first := p.guid
		time.Sleep(30 * time.Second)
		p.next() // ends after 40 s
		if p.guid != first {
			t.Error("replaced before its time")
		}
		time.Sleep(20 * time.Second)
		p.next() // begins after 60 s
		second := p.guid
		if second == first {
			t.Fatal("not replaced")
		}
		for _, guid := range []string{first, second} {
			if _, got := g.Do(Call{"answeragentconf", "1287", guid, nil}); got != noConference {
				t.Errorf("after 70 s: %s", got)
			}
		}
		time.Sleep(50 * time.Second)
		if _, got := g.Do(Call{"answeragentconf", "1287", first, nil}); got != noRight {
			t.Errorf("the first GUID after 120 s: %s", got)
		}
		if _, got := g.Do(Call{"answeragentconf", "1287", second, nil}); got != noConference {
			t.Errorf("the second GUID after 60 s: %s", got)
		}
		time.Sleep(time.Hour)
		if _, _, retcode := g.Poll(t.Context(), "1287", second); retcode != noRight {
			t.Errorf("poll with an expired GUID: %s", retcode)
		}
	})
}

func TestStaticGUID(t *testing.T) {
	config := dynamic
	config.AuthMode = StaticGUID
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		p := signIn(t, g, "1287")
		first := p.guid
		time.Sleep(time.Hour)
		p.next()
		if p.guid != first {
			t.Error("replaced")
		}
	})
}

func TestLog(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss := chair(t, g, "1287")
		boss.do("holdparticipant", holdPhone, badArgument)
		boss.do("holdparticipant", "{", badArgument)
		g.Do(Call{"holdparticipant", "1287", "wrong", []byte(holdPhone)})
		want := []LogEntry{
			{1, "requestAgentConf", "1287", json.RawMessage(`{"memberNum":4}`), success, true},
			{2, "holdParticipant", "1287", json.RawMessage(holdPhone), badArgument, false},
			{3, "holdParticipant", "1287", nil, badArgument, false},
			{4, "holdParticipant", "1287", json.RawMessage(holdPhone), noRight, false},
		}
		if got := g.Log(); !slices.EqualFunc(got, want, func(a, b LogEntry) bool { return reflect.DeepEqual(a, b) }) {
			t.Errorf("log\n%+v, want\n%+v", got, want)
		}
	})
}
