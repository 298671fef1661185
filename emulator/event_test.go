package emulator

import (
	"context"
	"encoding/json"
	"testing"
	"time"
)

// A waiting poll ends after 10 s, when its caller cancels it, and when its agent signs out.
func TestPollEnds(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		a := signIn(t, g, "1287")
		start := time.Now()
		if event := a.poll(); event != nil || time.Since(start) != 10*time.Second {
			t.Errorf("event %+v after %v", event, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		event, _, retcode := g.Poll(ctx, a.id, a.guid)
		if event != nil || retcode != success || time.Since(start) != time.Second {
			t.Errorf("cancelled poll: %+v, %s after %v", event, retcode, time.Since(start))
		}
		time.AfterFunc(time.Second, func() { g.SignOut(a.id, a.guid, false) })
		a.expectEvents("AgentOther_ShutdownService")
		if _, _, retcode := g.Poll(t.Context(), a.id, a.guid); retcode != notSignedIn {
			t.Errorf("signed out: %s", retcode)
		}
	})
}

// Events has an event whose delivery failed.
func TestEventsIncludeLostOnes(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
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
