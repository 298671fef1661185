package emulator

import (
	"encoding/json"
	"testing"
	"time"
)

// meeting is a conference of 4 with a chairperson, a second agent and a phone.
func meeting(t *testing.T, g *Gateway) (boss, guest *person) {
	t.Helper()
	boss, guest = chair(t, g, "1287"), signIn(t, g, "2002")
	boss.do("batchaddparticipant", `{"addresses":[`+phone+`,{"addressType":"9","address":"2002"}]}`, success)
	guest.do("answeragentconf", "", success)
	guest.expectEvents("AgentConf_Ringing", "AgentState_Busy", "AgentConf_SelfJoinResult")
	for _, p := range []*person{boss, guest} {
		p.expectChange(joined, 0, "2002")
		p.expectChange(joined, 0, "88887946")
	}
	return boss, guest
}

func TestReject(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, guest := chair(t, g, "1287"), signIn(t, g, "2002")
		guest.do("rejectagentconf", "", noConference)
		boss.do("batchaddparticipant", `{"addresses":[{"addressType":"9","address":"2002"}]}`, success)
		guest.do("rejectagentconf", "", success)
		guest.expectEvents("AgentConf_Ringing", "AgentOther_PhoneRelease", "AgentState_Ready")
		boss.expectChange(joined, 1, "2002")
		guest.do("answeragentconf", "", noConference)
	})
}

func TestLeave(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, guest := meeting(t, g)
		boss.do("requestleaveagentconf", "", leavingChair)
		guest.do("requestleaveagentconf", "", success)
		guest.expectEvents("AgentMediaEvent_StopRecordDone", "AgentOther_PhoneRelease", "AgentConf_SelfLeaveResult")
		boss.expectChange(left, 0, "2002")
		guest.do("requestleaveagentconf", "", noConference)
	})
}

func TestRemove(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, guest := meeting(t, g)
		boss.do("batchremoveparticipant", `{"addresses":[{"addressType":"9","address":"1287"}]}`, removingChair)
		boss.do("batchremoveparticipant", `{"addresses":[]}`, badArgument)
		boss.answers("batchremoveparticipant", `{"addresses":[{"addressType":"9","address":"2002"},{"addressType":"6","address":"1"}]}`,
			`{"noExistParticipants":[{"addressType":"6","address":"1"}]}`)
		guest.expectEvents("AgentOther_PhoneRelease", "AgentConf_SelfLeaveResult", "AgentState_Ready")
		boss.expectChange(left, 0, "2002")

		boss.do("batchaddparticipant", `{"addresses":[{"addressType":"9","address":"2002"},{"addressType":"6","address":"1"}]}`, success)
		boss.answers("batchremoveparticipant", `{"addresses":[{"addressType":"9","address":"2002"},{"addressType":"6","address":"1"}]}`, `{"noExistParticipants":[]}`)
		boss.expectChange(joined, 1, "2002")
		boss.expectChange(joined, 1, "1")
		guest.expectEvents("AgentConf_Ringing")
		guest.do("answeragentconf", "", noConference)
		if event := boss.next(); event != nil {
			t.Errorf("a phone that was removed before it answered: %+v", event)
		}
	})
}

func TestChairTransfer(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, guest := meeting(t, g)
		boss.do("applytoshiftpresident", `{"destAgentNo":1287}`, alreadyChair)
		boss.do("applytoshiftpresident", `{"destAgentNo":3003}`, badArgument)
		boss.do("applytoshiftpresident", `{"destAgentNo":2002}`, success)
		guest.expectEvents("AgentConf_PresidentChanged")
		boss.expectChange(chairChanged, 0, "2002")
		guest.expectChange(chairChanged, 0, "2002")
		boss.do("holdparticipant", holdPhone, notChairperson)
		guest.do("holdparticipant", holdPhone, success)
		boss.expectChange(held, 0, "88887946")
		boss.do("requestleaveagentconf", "", success)
	})
}

func TestMode(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, _ := meeting(t, g)
		for _, attribute := range []string{"1", "2", "4", "3"} {
			boss.do("changeparticipantmode", `{"attribute":`+attribute+`,"addressType":"6","address":"88887946"}`, success)
		}
		boss.do("changeparticipantmode", `{"attribute":5,"addressType":"6","address":"88887946"}`, badArgument)
		boss.expectChange(muted, 0, "88887946")
		boss.expectChange(unmuted, 0, "88887946")
	})
}

// An announcement ends by itself or is stopped; either is told once.
func TestAnnouncements(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, _ := meeting(t, g)
		for _, test := range []struct{ play, stop, body, event string }{
			{"playvoicetoconf", "stopvoicetoconf", `{"voicePath":"y:/conf/1/a.V3"}`, "AgentConf_StopVoice"},
			{"playvoicetoparticipant", "stopvoicetoparticipant", holdPhone, "AgentConf_StopParticipantVoice"},
		} {
			boss.do(test.stop, phone, exception)
			boss.do(test.play, `{}`, badArgument)
			boss.do(test.play, test.body, success)
			boss.do(test.play, test.body, exception)
			start := time.Now()
			boss.expectEvents(test.event)
			if time.Since(start) != voiceLength {
				t.Errorf("%s came after %v", test.event, time.Since(start))
			}
			boss.do(test.play, test.body, success)
			boss.do(test.stop, phone, success)
			boss.expectEvents(test.event)
			if event := boss.next(); event != nil {
				t.Errorf("%s: told again: %+v", test.event, event)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	config := dynamic
	config.AuthMode = StaticGUID
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		boss := signIn(t, g, "1287")
		boss.do("requestagentconf", `{"memberNum":4,"time":10,"promptTime":4}`, success)
		boss.expectEvents("AgentState_Busy", "AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook", "AgentConf_SelfJoinResult", "AgentConf_RequestSuccess")
		start := time.Now()
		boss.await("AgentConf_Timeout")
		if got := time.Since(start); got != 6*time.Minute {
			t.Errorf("warned after %v", got)
		}
		boss.answers("prolongtime", `{"prolongTime":5}`, `{"applyedTime":5}`)
		boss.await("AgentConf_Timeout")
		boss.await("AgentConf_SelfLeaveResult")
		if got := time.Since(start); got != 15*time.Minute {
			t.Errorf("ended after %v", got)
		}
	})
}

func TestProlongIsBounded(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss := chair(t, g, "1287") // of 60 minutes
		boss.do("prolongtime", `{"prolongTime":0}`, badArgument)
		boss.answers("prolongtime", `{"prolongTime":1440}`, `{"applyedTime":1380}`)
		boss.answers("prolongtime", `{"prolongTime":1}`, `{"applyedTime":0}`)
	})
}

func TestCapacity(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, _ := meeting(t, g) // 3 in a conference of 4
		two := `{"addresses":[{"addressType":"6","address":"1"},{"addressType":"6","address":"2"}]}`
		boss.do("batchaddparticipant", two, badArgument)
		for _, body := range []string{`{"modifyType":1,"modifyNum":2}`, `{"modifyType":0,"modifyNum":118}`, `{"modifyType":0,"modifyNum":1}`, `{"modifyNum":2}`} {
			boss.do("modifyconfresource", body, badArgument)
		}
		boss.do("modifyconfresource", `{"modifyType":0,"modifyNum":2}`, success)
		boss.do("batchaddparticipant", two, success)
	})
}

func TestQueries(t *testing.T) {
	config := dynamic
	config.Inspectors = []string{"101"}
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		boss, guest := meeting(t, g)
		inspector, loner := signIn(t, g, "101"), signIn(t, g, "3003")
		boss.do("holdparticipant", holdPhone, success)
		boss.do("playvoicetoconf", `{"voicePath":"y:/conf/1/a.V3"}`, success)

		loner.do("queryvdnconfid", "", notInspector)
		inspector.answers("queryvdnconfid", "", `{"confIds":[1029888]}`)
		loner.do("queryconfinfos", `{"confIds":[1029888]}`, noConference)
		boss.do("queryconfinfos", `{"confIds":[]}`, badArgument)
		boss.answers("queryconfinfos", `{"confIds":[1]}`, `{"confs":[]}`)
		for _, p := range []*person{boss, guest, inspector} {
			result, retcode := g.Do(Call{"queryconfinfos", p.id, p.guid, []byte(`{"confIds":[1029888]}`)})
			conf := result.(map[string]any)["confs"].([]confInfo)[0]
			if retcode != success || conf.ConfState != 1 || conf.ApplyConfTime != 60 || len(conf.Addresses) != 3 ||
				conf.Addresses[0].Role != 1 || conf.Addresses[1].ChannelState != 1 || conf.Addresses[2].ChannelAttrib != 3 {
				t.Errorf("told to %s: %s, %+v", p.id, retcode, conf)
			}
		}
	})
}

func TestSignedOutUnlessPolled(t *testing.T) {
	config := dynamic
	config.AuthMode, config.SignOutAfter = StaticGUID, 2*time.Minute
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		p := signIn(t, g, "1287")
		for range 30 { // 5 minutes of polls
			p.next()
		}
		time.Sleep(119 * time.Second)
		if _, retcode := g.Handshake(p.id, p.guid); retcode != success {
			t.Errorf("handshake: %s", retcode)
		}
		time.Sleep(119 * time.Second)
		p.do("answeragentconf", "", noConference)
		time.Sleep(2 * time.Second)
		p.do("answeragentconf", "", notSignedIn)
	})
}

func TestFaults(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		boss, _ := meeting(t, g)
		set := func(f Fault) {
			t.Helper()
			if err := g.SetFault(f); err != nil {
				t.Fatal(err)
			}
		}
		hold := func() { boss.do("holdparticipant", holdPhone, success) }
		unhold := func() { boss.do("unholdparticipant", phone, success) }

		set(Fault{Events: "lose", AgentID: "1287"})
		hold()
		unhold()
		boss.expectChange(unheld, 0, "88887946")
		set(Fault{Events: "repeat", AgentID: "1287", EventType: "AgentConf_ParticipantChanged"})
		hold()
		boss.expectChange(held, 0, "88887946")
		boss.expectChange(held, 0, "88887946")
		set(Fault{Events: "reorder", AgentID: "1287"})
		unhold()
		hold()
		boss.expectChange(held, 0, "88887946")
		boss.expectChange(unheld, 0, "88887946")
		set(Fault{Events: "delay", AgentID: "1287", Delay: 3 * time.Second})
		unhold()
		start := time.Now()
		boss.expectChange(unheld, 0, "88887946")
		if time.Since(start) != 3*time.Second {
			t.Errorf("delayed by %v", time.Since(start))
		}

		set(Fault{Operation: "holdParticipant", Retcode: "999-999", Count: 2})
		boss.do("holdparticipant", holdPhone, "999-999")
		boss.do("holdparticipant", holdPhone, "999-999")
		set(Fault{Operation: "holdParticipant", Retcode: exception, Applied: true})
		boss.do("holdparticipant", holdPhone, exception)
		boss.do("unholdparticipant", phone, success) // so it was held
		last := g.Log()[len(g.Log())-4:]
		for i, applied := range []bool{false, false, true, true} {
			if last[i].Applied != applied {
				t.Errorf("log: %+v", last[i])
			}
		}
		set(Fault{Events: "lose", Count: 100})
		g.ClearFaults()
		boss.expectChange(held, 0, "88887946")

		for _, wrong := range []Fault{{}, {Events: "eat"}, {Operation: "login"}, {Events: "lose", Operation: "login", Retcode: "1"}} {
			if g.SetFault(wrong) == nil {
				t.Errorf("%+v was taken", wrong)
			}
		}
	})
}

// What happened is told whatever became of its delivery.
func TestEvents(t *testing.T) {
	inBubble(t, dynamic, func(t *testing.T, g *Gateway) {
		g.SetFault(Fault{Events: "lose", EventType: "AgentState_Ready"})
		g.SignIn("1287", SignIn{Phonenum: "1", Status: 3}, false)
		got, err := json.Marshal(g.Events())
		want := `[{"seq":1,"eventType":"AgentOther_InService","workNo":"1287","content":null},` +
			`{"seq":2,"eventType":"AgentState_Ready","workNo":"1287","content":null},` +
			`{"seq":3,"eventType":"AgentState_SetNotReady_Success","workNo":"1287","content":{"reason":"1"}}]`
		if err != nil || string(got) != want {
			t.Errorf("%v\n%s, want\n%s", err, got, want)
		}
	})
}
