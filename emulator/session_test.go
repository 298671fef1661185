package emulator

import (
	"regexp"
	"testing"
	"time"
)

var guidPattern = regexp.MustCompile(
	`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.AgentGateway1$`)

func TestSignIn(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		guid, retcode := g.SignIn("1287", SignIn{Phonenum: "40038"}, false)
		if retcode != success || !guidPattern.MatchString(guid) {
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
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		chair, guest, invited := startConference(t, g, "1287"), signIn(t, g, "2002"), signIn(t, g, "3003")
		body := addresses(guestAddress, `{"addressType":"9","address":"3003"}`)
		chair.expectRetcode("batchaddparticipant", body, success)
		guest.expectRetcode("answeragentconf", "", success)
		chair.expectChange(changeJoined, 0, "2002")

		if got := g.SignOut("2002", guest.guid, false); got != wrongState {
			t.Errorf("logout in a conference: %s", got)
		}
		if got := g.SignOut("2002", "wrong", true); got != noRight {
			t.Errorf("logout with a wrong GUID: %s", got)
		}
		if got := g.SignOut("3003", invited.guid, false); got != success {
			t.Errorf("logout while ringing: %s", got)
		}
		chair.expectChange(changeJoined, 1, "3003")
		if got := g.SignOut("2002", guest.guid, true); got != success {
			t.Errorf("forced logout: %s", got)
		}
		chair.expectChange(changeLeft, 0, "2002")
		if got := g.SignOut("2002", guest.guid, true); got != notSignedIn {
			t.Errorf("logout when signed out: %s", got)
		}
		chair.expectRetcode("holdparticipant", holdGuest, badArgument)

		chair.expectRetcode("batchaddparticipant", addresses(phone), success)
		if got := g.SignOut("1287", chair.guid, true); got != success { // the phone still rings
			t.Errorf("forced logout of the chairperson: %s", got)
		}
		chair.expectRetcode("holdparticipant", holdPhone, notSignedIn)
	})
}

// After the sign-out of the applicant, its application has no events.
func TestSignOutDuringApplication(t *testing.T) {
	inBubble(t, dynamicConfig, func(t *testing.T, g *Gateway) {
		first := signIn(t, g, "1287")
		first.expectRetcode("requestagentconf", `{"memberNum":4}`, success)
		if got := g.SignOut("1287", first.guid, true); got != success {
			t.Errorf("forced logout: %s", got)
		}
		time.Sleep(2 * time.Second)
		again := signIn(t, g, "1287")
		if event := again.poll(); event != nil {
			t.Errorf("event %+v", event)
		}
	})
}

func TestPollTimeout(t *testing.T) {
	config := dynamicConfig
	config.AuthMode, config.SignOutAfter = StaticGUID, 2*time.Minute
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		a := signIn(t, g, "1287")
		for range 30 { // 5 minutes of polls
			a.poll()
		}
		time.Sleep(119 * time.Second)
		if _, retcode := g.Handshake(a.id, a.guid); retcode != success {
			t.Errorf("handshake: %s", retcode)
		}
		time.Sleep(119 * time.Second)
		a.expectRetcode("answeragentconf", "", noConference)
		time.Sleep(2 * time.Second)
		a.expectRetcode("answeragentconf", "", notSignedIn)
	})
}
