package emulator

import (
	"testing"
	"time"
)

func TestDynamicGUID(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		a := signIn(t, g, "1287")
		first := a.guid
		time.Sleep(30 * time.Second)
		a.poll() // ends after 40 s
		if a.guid != first {
			t.Error("GUID replaced after less than a minute")
		}
		time.Sleep(20 * time.Second)
		a.poll() // begins after 60 s
		second := a.guid
		if second == first {
			t.Fatal("GUID not replaced after a minute")
		}
		for _, guid := range []string{first, second} {
			if _, got := g.Do(Request{"answeragentconf", "1287", guid, nil}); got != noConference {
				t.Errorf("request after 70 s: %s", got)
			}
		}
		time.Sleep(50 * time.Second)
		if _, got := g.Do(Request{"answeragentconf", "1287", first, nil}); got != noRight {
			t.Errorf("the first GUID after 120 s: %s", got)
		}
		if _, got := g.Do(Request{"answeragentconf", "1287", second, nil}); got != noConference {
			t.Errorf("the second GUID after 60 s: %s", got)
		}
		time.Sleep(time.Hour)
		if _, _, retcode := g.Poll(t.Context(), "1287", second); retcode != noRight {
			t.Errorf("poll with an expired GUID: %s", retcode)
		}
	})
}

func TestStaticGUID(t *testing.T) {
	config := dynamicConfig
	config.AuthMode = StaticGUID
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		a := signIn(t, g, "1287")
		first := a.guid
		time.Sleep(time.Hour)
		a.poll()
		if a.guid != first {
			t.Error("GUID replaced")
		}
	})
}
