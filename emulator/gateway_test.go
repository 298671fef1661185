package emulator

import (
	"strings"
	"testing"
	"time"
)

// A zero Config is the default configuration of a real gateway.
func TestZeroConfig(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, g *Gateway) {
		a := signIn(t, g, "1287")
		first := a.guid
		if !strings.HasSuffix(first, ".AgentGateway1") {
			t.Errorf("GUID %q", first)
		}
		start := time.Now()
		a.expectRetcode("requestagentconf", `{"memberNum":4}`, success)
		a.expectBegin()
		if got := time.Since(start); got != 300*time.Millisecond {
			t.Errorf("the conference began after %v", got)
		}
		a.expectRetcode("queryvdnconfid", "", notInspector)

		time.Sleep(time.Minute)
		if a.poll(); a.guid == first {
			t.Error("GUID not replaced after a minute")
		}
		time.Sleep(time.Minute)
		a.expectRetcode("releaseagentconf", "", success)
		if _, retcode := g.Do(Request{"releaseagentconf", "1287", first, nil}); retcode != noRight {
			t.Errorf("the first GUID after two minutes: %s", retcode)
		}
		time.Sleep(2 * time.Minute)
		a.expectRetcode("releaseagentconf", "", notSignedIn)
	})
}

// Negative durations switch the delay, the GUID's minimum age and the sign-out off.
func TestNegativeConfig(t *testing.T) {
	config := Config{AnswerDelay: -1, GUIDInterval: -1, GUIDTimeout: 24 * time.Hour, SignOutAfter: -1}
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		a := signIn(t, g, "1287")
		start, first := time.Now(), a.guid
		a.expectRetcode("requestagentconf", `{"memberNum":4}`, success)
		a.expectBegin()
		if got := time.Since(start); got != 0 {
			t.Errorf("the conference began after %v", got)
		}
		if a.guid == first {
			t.Error("GUID not replaced by a poll")
		}
		time.Sleep(30 * time.Minute)
		a.expectRetcode("releaseagentconf", "", success)
	})
}
