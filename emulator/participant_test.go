package emulator

import (
	"encoding/json"
	"fmt"
	"testing"
)

// The event has the keys and values of the example on page 0564.
func TestParticipantChangedContent(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := startConference(t, g, "1287")
		mobile := `{"addressType":"6","address":"88887946","deviceType":5}`
		chair.expectRetcode("batchaddparticipant", addresses(mobile), success)
		chair.expectChange(changeJoined, 0, "88887946")
		chair.expectRetcode("holdparticipant", holdPhone, success)
		got, err := json.Marshal(chair.poll())
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"eventType":"AgentConf_ParticipantChanged","workNo":"1287","content":{`+
			`"result":0,"changeReason":255,"changeType":5,"confId":%d,"participant":"88887946","participantType":6,`+
			`"deviceCallType":0,"deviceType":5}}`, g.lastConferenceID)
		if string(got) != want {
			t.Errorf("event\n%s, want\n%s", got, want)
		}
	})
}

// An unavailable agent is announced as a failed invitation.
func TestFailedInvitation(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair := startConference(t, g, "1287")
		busy := startConference(t, g, "2002")
		absent := `{"addressType":"9","address":"999"}`
		chair.expectRetcode("batchaddparticipant", addresses(guestAddress, absent), success)
		chair.expectChange(changeJoined, 1, "2002")
		chair.expectChange(changeJoined, 1, "999")
		if event := busy.poll(); event != nil {
			t.Errorf("event %+v for the busy agent", event)
		}
	})
}

func TestRemoveParticipants(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, guest := startMeeting(t, g)
		chair.expectRetcode("batchremoveparticipant", addresses(chairAddress), removingChair)
		chair.expectRetcode("batchremoveparticipant", `{"addresses":[]}`, badArgument)
		chair.expectResult("batchremoveparticipant", addresses(guestAddress, phone1),
			`{"noExistParticipants":[`+phone1+`]}`)
		guest.expectEvents("AgentOther_PhoneRelease", "AgentConf_SelfLeaveResult", "AgentState_Ready")
		chair.expectChange(changeLeft, 0, "2002")

		chair.expectRetcode("batchaddparticipant", addresses(guestAddress, phone1), success)
		chair.expectResult("batchremoveparticipant", addresses(guestAddress, phone1), `{"noExistParticipants":[]}`)
		chair.expectChange(changeJoined, 1, "2002")
		chair.expectChange(changeJoined, 1, "1")
		guest.expectEvents("AgentConf_Ringing")
		guest.expectRetcode("answeragentconf", "", noConference)
		if event := chair.poll(); event != nil {
			t.Errorf("event %+v after the removal of a ringing phone", event)
		}
	})
}

func TestParticipantMode(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, _ := startMeeting(t, g)
		set := func(attribute, retcode string) {
			t.Helper()
			body := `{"attribute":` + attribute + `,"addressType":"6","address":"88887946"}`
			chair.expectRetcode("changeparticipantmode", body, retcode)
		}
		for _, attribute := range []string{"1", "2", "4", "3"} {
			set(attribute, success)
		}
		set("5", badArgument)
		chair.expectChange(changeMuted, 0, "88887946")
		chair.expectChange(changeUnmuted, 0, "88887946")
	})
}
