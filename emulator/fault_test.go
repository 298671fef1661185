package emulator

import (
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, _ := startMeeting(t, g)
		set := func(f Fault) {
			t.Helper()
			if err := g.SetFault(f); err != nil {
				t.Fatal(err)
			}
		}
		hold := func() { chair.expectRetcode("holdparticipant", holdPhone, success) }
		unhold := func() { chair.expectRetcode("unholdparticipant", phone, success) }

		set(Fault{Events: "lose", AgentID: "1287"})
		hold()
		unhold()
		chair.expectChange(changeUnheld, 0, "88887946")
		set(Fault{Events: "repeat", AgentID: "1287", EventType: "AgentConf_ParticipantChanged"})
		hold()
		chair.expectChange(changeHeld, 0, "88887946")
		chair.expectChange(changeHeld, 0, "88887946")
		set(Fault{Events: "reorder", AgentID: "1287"})
		unhold()
		hold()
		chair.expectChange(changeHeld, 0, "88887946")
		chair.expectChange(changeUnheld, 0, "88887946")
		set(Fault{Events: "delay", AgentID: "1287", Delay: 3 * time.Second})
		unhold()
		start := time.Now()
		chair.expectChange(changeUnheld, 0, "88887946")
		if time.Since(start) != 3*time.Second {
			t.Errorf("delayed by %v", time.Since(start))
		}

		set(Fault{Operation: "holdParticipant", Retcode: "999-999", Count: 2})
		chair.expectRetcode("holdparticipant", holdPhone, "999-999")
		chair.expectRetcode("holdparticipant", holdPhone, "999-999")
		set(Fault{Operation: "holdParticipant", Retcode: operationFailed, Applied: true})
		chair.expectRetcode("holdparticipant", holdPhone, operationFailed)
		chair.expectRetcode("unholdparticipant", phone, success) // the failed hold was applied
		last := g.Log()[len(g.Log())-4:]
		for i, applied := range []bool{false, false, true, true} {
			if last[i].Applied != applied {
				t.Errorf("log: %+v", last[i])
			}
		}
		set(Fault{Events: "lose", Count: 100})
		g.ClearFaults()
		chair.expectChange(changeHeld, 0, "88887946")
	})
}

func TestSetFaultRejectsIncompleteFaults(t *testing.T) {
	for _, wrong := range []Fault{
		{}, {Events: "eat"}, {Operation: "login"}, {Events: "lose", Operation: "login", Retcode: "1"},
	} {
		if New(Config{}).SetFault(wrong) == nil {
			t.Errorf("%+v was accepted", wrong)
		}
	}
}
