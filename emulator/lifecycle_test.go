package emulator

import (
	"testing"
	"time"
)

func TestWholeConference(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := startConference(t, g, "1287")
		guest := signIn(t, g, "2002")

		chair.expectRetcode("batchaddparticipant", addresses(phone, guestAddress), success)
		guest.expectEvents("AgentConf_Ringing")
		guest.expectRetcode("answeragentconf", "", success)
		guest.expectEvents("AgentState_Busy", "AgentConf_SelfJoinResult")
		for _, a := range []*testAgent{chair, guest} {
			a.expectChange(changeJoined, 0, "2002")
			a.expectChange(changeJoined, 0, "88887946")
		}

		chair.expectRetcode("holdparticipant", holdPhone, success)
		chair.expectRetcode("unholdparticipant", phone, success)
		chair.expectRetcode("holdparticipant", holdGuest, success)
		for _, a := range []*testAgent{chair, guest} {
			a.expectChange(changeHeld, 0, "88887946")
			a.expectChange(changeUnheld, 0, "88887946")
			a.expectChange(changeHeld, 0, "2002")
		}

		chair.expectRetcode("releaseagentconf", "", success)
		for _, a := range []*testAgent{chair, guest} {
			a.expectEvents("AgentMediaEvent_StopRecordDone", "AgentOther_PhoneRelease", "AgentConf_SelfLeaveResult",
				"AgentState_Ready")
		}
		chair.expectRetcode("holdparticipant", holdPhone, noConference)
	})
}

// Operations of the chairperson fail until the conference has begun.
func TestChairOperationsBeforeBegin(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := signIn(t, g, "1287")
		chair.expectRetcode("requestagentconf", `{"memberNum":4}`, success)
		chair.expectRetcode("batchaddparticipant", addresses(phone), noConference)
		chair.expectRetcode("requestagentconf", `{"memberNum":4}`, alreadyConference)
		time.Sleep(2 * time.Second)
		chair.expectRetcode("batchaddparticipant", addresses(phone), success)
	})
}

func TestWrongRequests(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := startConference(t, g, "1287")
		guest := signIn(t, g, "2002")
		other := signIn(t, g, "3003")
		chair.expectRetcode("batchaddparticipant", addresses(guestAddress), success)

		other.expectRetcode("holdparticipant", holdPhone, noConference)
		other.expectRetcode("answeragentconf", "", noConference)
		chair.expectRetcode("holdparticipant", holdGuest, badArgument) // still ringing
		guest.expectRetcode("answeragentconf", "", success)
		guest.expectRetcode("holdparticipant", holdPhone, notChairperson)
		guest.expectRetcode("releaseagentconf", "", notChairperson)
		guest.expectRetcode("requestagentconf", `{"memberNum":4}`, alreadyConference)

		chair.expectRetcode("holdparticipant", holdPhone, badArgument) // not in the conference
		for _, body := range []string{
			"", "{", "[]", guestAddress,
			`{"addressType":6,"address":"2002","voicePath":"x"}`,
			`{"addressType":"9","address":"2002","voicePath":"x","playMode":1}`,
			`{"addressType":"5","address":"2002","voicePath":"x"}`,
		} {
			chair.expectRetcode("holdparticipant", body, badArgument)
		}
		chair.expectRetcode("unholdparticipant", guestAddress, operationFailed)
		chair.expectRetcode("holdparticipant", holdGuest, success)
		chair.expectRetcode("holdparticipant", holdGuest, operationFailed)

		for _, body := range []string{
			`{}`, `{"addresses":[]}`, addresses(phone, phone), addresses(guestAddress),
			`{"addresses":[` + phone + `],"beepTone":true}`, addresses(phone1, phone2, phone3),
		} {
			chair.expectRetcode("batchaddparticipant", body, badArgument)
		}
		for _, body := range []string{
			`{}`, `{"memberNum":121}`, `{"memberNum":4,"time":3}`, `{"memberNum":4,"promptTime":2}`,
			`{"memberNum":4,"beepTone":true}`,
		} {
			other.expectRetcode("requestagentconf", body, badArgument)
		}
		chair.expectRetcode("nosuchoperation", "", badArgument)
	})
}

func TestRejectInvitation(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, guest := startConference(t, g, "1287"), signIn(t, g, "2002")
		guest.expectRetcode("rejectagentconf", "", noConference)
		chair.expectRetcode("batchaddparticipant", addresses(guestAddress), success)
		guest.expectRetcode("rejectagentconf", "", success)
		guest.expectEvents("AgentConf_Ringing", "AgentOther_PhoneRelease", "AgentState_Ready")
		chair.expectChange(changeJoined, 1, "2002")
		guest.expectRetcode("answeragentconf", "", noConference)
	})
}

func TestLeaveConference(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, guest := startMeeting(t, g)
		chair.expectRetcode("requestleaveagentconf", "", leavingChair)
		guest.expectRetcode("requestleaveagentconf", "", success)
		guest.expectEvents("AgentMediaEvent_StopRecordDone", "AgentOther_PhoneRelease", "AgentConf_SelfLeaveResult")
		chair.expectChange(changeLeft, 0, "2002")
		guest.expectRetcode("requestleaveagentconf", "", noConference)
	})
}

func TestChairTransfer(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, guest := startMeeting(t, g)
		chair.expectRetcode("applytoshiftpresident", `{"destAgentNo":1287}`, alreadyChair)
		chair.expectRetcode("applytoshiftpresident", `{"destAgentNo":3003}`, badArgument)
		chair.expectRetcode("applytoshiftpresident", `{"destAgentNo":2002}`, success)
		guest.expectEvents("AgentConf_PresidentChanged")
		chair.expectChange(changeChair, 0, "2002")
		guest.expectChange(changeChair, 0, "2002")
		chair.expectRetcode("holdparticipant", holdPhone, notChairperson)
		guest.expectRetcode("holdparticipant", holdPhone, success)
		chair.expectChange(changeHeld, 0, "88887946")
		chair.expectRetcode("requestleaveagentconf", "", success)
	})
}

func TestWarningAndEnd(t *testing.T) {
	config := dynamicConfig
	config.AuthMode = StaticGUID
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		chair := signIn(t, g, "1287")
		chair.expectRetcode("requestagentconf", `{"memberNum":4,"time":10,"promptTime":4}`, success)
		chair.expectBegin()
		start := time.Now()
		chair.awaitEvent("AgentConf_Timeout")
		if got := time.Since(start); got != 6*time.Minute {
			t.Errorf("warned after %v", got)
		}
		chair.expectResult("prolongtime", `{"prolongTime":5}`, `{"applyedTime":5}`)
		chair.awaitEvent("AgentConf_Timeout")
		chair.awaitEvent("AgentConf_SelfLeaveResult")
		if got := time.Since(start); got != 15*time.Minute {
			t.Errorf("ended after %v", got)
		}
	})
}

func TestProlongLimit(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := startConference(t, g, "1287") // of 60 minutes
		chair.expectRetcode("prolongtime", `{"prolongTime":0}`, badArgument)
		chair.expectResult("prolongtime", `{"prolongTime":1440}`, `{"applyedTime":1380}`)
		chair.expectResult("prolongtime", `{"prolongTime":1}`, `{"applyedTime":0}`)
	})
}

func TestModifyCapacity(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, _ := startMeeting(t, g) // 3 in a conference of 4
		two := addresses(phone1, phone2)
		chair.expectRetcode("batchaddparticipant", two, badArgument)
		for _, body := range []string{
			`{"modifyType":1,"modifyNum":2}`, `{"modifyType":0,"modifyNum":118}`, `{"modifyType":0,"modifyNum":1}`,
			`{"modifyNum":2}`,
		} {
			chair.expectRetcode("modifyconfresource", body, badArgument)
		}
		chair.expectRetcode("modifyconfresource", `{"modifyType":0,"modifyNum":2}`, success)
		chair.expectRetcode("batchaddparticipant", two, success)
	})
}
