package emulator

import (
	"testing"
	"time"
)

// The end of an announcement has one event, after its length and after a stop alike.
func TestAnnouncements(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, _ := startMeeting(t, g)
		for _, test := range []struct{ play, stop, body, event string }{
			{"playvoicetoconf", "stopvoicetoconf", `{"voicePath":"y:/conf/1/a.V3"}`, "AgentConf_StopVoice"},
			{"playvoicetoparticipant", "stopvoicetoparticipant", holdPhone, "AgentConf_StopParticipantVoice"},
		} {
			chair.expectRetcode(test.stop, phone, operationFailed)
			chair.expectRetcode(test.play, `{}`, badArgument)
			chair.expectRetcode(test.play, test.body, success)
			chair.expectRetcode(test.play, test.body, operationFailed)
			start := time.Now()
			chair.expectEvents(test.event)
			if time.Since(start) != announcementLength {
				t.Errorf("%s came after %v", test.event, time.Since(start))
			}
			chair.expectRetcode(test.play, test.body, success)
			chair.expectRetcode(test.stop, phone, success)
			chair.expectEvents(test.event)
			if event := chair.poll(); event != nil {
				t.Errorf("event after %s: %+v", test.event, event)
			}
		}
	})
}
