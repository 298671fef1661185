package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/emulator/fault"
)

// wireGateway is a gateway behind a socket, with agent 1287 as the chairperson.
type wireGateway struct {
	*Gateway
	t       *testing.T
	address string
	guid    string
}

func newWireGateway(t *testing.T) *wireGateway {
	t.Helper()
	g, err := NewSeeded(Config{AuthMode: StaticGUID, SignOutAfter: -1, AnswerDelay: -1}, Seed{
		Agents: []SeedAgent{{AgentID: "1287", GUID: "g.AgentGateway1"}},
		Conferences: []SeedConference{{
			Chair: "1287", Participants: []SeedParticipant{{AddressType: "6", Address: "88887946"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(server.Close)
	return &wireGateway{g, t, server.Listener.Addr().String(), "g.AgentGateway1"}
}

// hold sends a hold under a fault, and returns all bytes of the answer.
func (g *wireGateway) hold(f Fault) (answer string, err error) {
	g.t.Helper()
	g.Reset()
	f.Operation = "holdParticipant"
	if err := g.SetFault(f); err != nil {
		g.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %sholdparticipant HTTP/1.0\r\nGuid: %s\r\nContent-Length: %d\r\n\r\n%s",
		conferencePath, g.guid, len(holdPhone), holdPhone)
	b, err := io.ReadAll(conn)
	return string(b), err
}

func (g *wireGateway) isHeld() bool { return g.Conferences()[0].Participants[1].State == stateHeld }

// Each fault of the answer reaches the socket, and executes the operation or not.
func TestAnswerFaults(t *testing.T) {
	g := newWireGateway(t)
	const full = `{"message":"success","retcode":"0","result":{}}`
	for _, test := range []struct {
		name  string
		fault Fault
		held  bool
		want  []string // in the answer; nil is no byte
		not   string
	}{
		{"close before", Fault{Connection: fault.Close}, false, nil, ""},
		{"close before, applied", Fault{Connection: fault.Close, Applied: true}, true, nil, ""},
		{"close in", Fault{Connection: fault.Close, At: fault.In}, true, []string{"Content-Length: 47", `{"message":"su`}, full},
		{"close after", Fault{Connection: fault.Close, At: fault.After}, true, []string{full}, ""},
		{"status", Fault{Status: 503}, false, []string{"503 Service Unavailable", "Content-Length: 0"}, "retcode"},
		{"status with envelope", Fault{Status: 401, Retcode: "100-006"}, false, []string{"401 ", `"retcode":"100-006"`}, ""},
		{"not JSON", Fault{Body: "<html>"}, false, []string{"200 OK", "<html>"}, "retcode"},
		{"redirect", Fault{Status: 302, Headers: map[string]string{"Location": "http://gateway.test/"}}, false,
			[]string{"302 Found", "Location: http://gateway.test/"}, ""},
		{"charset", Fault{Headers: map[string]string{"Content-Type": "application/json;charset=GBK"}}, true,
			[]string{"charset=GBK", full}, "UTF-8"},
		{"cookie", Fault{Headers: map[string]string{"Set-Cookie": "loadbalance=a"}}, true,
			[]string{"Set-Cookie: loadbalance=a", full}, ""},
		{"odd Set-GUID", Fault{Headers: map[string]string{"set-GUID": "JSESSIONID=x; Path=/"}}, true,
			[]string{"set-GUID: JSESSIONID=x; Path=/", full}, ""},
		{"retcode, applied", Fault{Retcode: "100-007", Applied: true}, true, []string{`"retcode":"100-007"`}, ""},
	} {
		got, _ := g.hold(test.fault)
		if test.want == nil && got != "" || test.not != "" && strings.Contains(got, test.not) {
			t.Errorf("%s: answer %q", test.name, got)
		}
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: answer %q, want %q", test.name, got, want)
			}
		}
		if g.isHeld() != test.held {
			t.Errorf("%s: held is %v", test.name, g.isHeld())
		}
	}
}

// A reset is an error for the client, where a close is the end of the answer.
func TestResetFault(t *testing.T) {
	g := newWireGateway(t)
	for _, f := range []Fault{{Connection: fault.Reset}, {Connection: fault.Reset, At: fault.In}} {
		if answer, err := g.hold(f); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%+v: %q, %v, want a reset", f, answer, err)
		}
	}
	if answer, err := g.hold(Fault{Connection: fault.Close}); err != nil {
		t.Errorf("close: %q, %v", answer, err)
	}
}

// A delay comes after the operation, or before it with Late. A held answer ends with its
// client.
func TestDelayedAnswers(t *testing.T) {
	for _, test := range []struct {
		name       string
		fault      Fault
		heldBefore bool
		heldAfter  bool
		took       time.Duration
	}{
		{"delay", Fault{Delay: 2 * time.Second}, true, true, 2 * time.Second},
		{"late", Fault{Delay: 2 * time.Second, Late: true}, false, true, 2 * time.Second},
		{"hang", Fault{Connection: fault.Hang}, false, false, 5 * time.Second},
		{"hang, applied", Fault{Connection: fault.Hang, Applied: true}, true, true, 5 * time.Second},
		{"hang, late", Fault{Connection: fault.Hang, Late: true}, false, true, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := New(Config{SignOutAfter: -1, AnswerDelay: -1, AuthMode: StaticGUID})
			guid := seedPhone(t, g)
			test.fault.Operation = "holdParticipant"
			if err := g.SetFault(test.fault); err != nil {
				t.Fatal(err)
			}
			ctx, leave := context.WithTimeout(t.Context(), 5*time.Second)
			defer leave()
			time.AfterFunc(time.Second, func() {
				if held := g.Conferences()[0].Participants[1].State == stateHeld; held != test.heldBefore {
					t.Errorf("%s: after a second, held is %v", test.name, held)
				}
			})
			start := time.Now()
			r := httptest.NewRequest("POST", conferencePath+"holdparticipant", strings.NewReader(holdPhone)).WithContext(ctx)
			r.Header.Set("Guid", guid)
			func() {
				defer func() { recover() }() // a recorder has no connection to close
				g.Handler().ServeHTTP(httptest.NewRecorder(), r)
			}()
			held := g.Conferences()[0].Participants[1].State == stateHeld
			if held != test.heldAfter || time.Since(start) != test.took {
				t.Errorf("%s: after %v, held is %v", test.name, time.Since(start), held)
			}
		})
	}
}

// seedPhone gives agent 1287 a conference with a phone, and returns the agent's GUID.
func seedPhone(t *testing.T, g *Gateway) (guid string) {
	t.Helper()
	err := g.Seed(Seed{
		Agents: []SeedAgent{{AgentID: "1287", GUID: "g.AgentGateway1"}},
		Conferences: []SeedConference{{
			Chair: "1287", Participants: []SeedParticipant{{AddressType: "6", Address: "88887946"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return "g.AgentGateway1"
}

// A fault of polls with an event type hits the poll that takes such an event, which is lost.
func TestPollFaultByEventType(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.send("POST", "/emulator/faults", `{"operation":"getAgentEvent","eventType":"AgentState_Ready","status":503}`)
		a.expect("GET", eventPath, "",
			`{"message":"","retcode":"0","event":{"eventType":"AgentOther_InService","workNo":"1287","content":null}}`)
		if w := a.send("GET", eventPath, ""); w.Code != 503 || w.Body.Len() > 0 {
			t.Errorf("HTTP status %d, %s", w.Code, w.Body)
		}
		a.expect("GET", eventPath, "", `{"message":"","retcode":"0"}`)
		entries := a.send("GET", "/emulator/journal?kind=delivery", "").Body.String()
		if !strings.Contains(entries, `"eventType":"AgentState_Ready","event":2,"by":"poll","fault":"f1","effect":"HTTP 503"`) {
			t.Errorf("deliveries:\n%s", entries)
		}
	})
}

// The requests that faults hold are limited.
func TestHeldLimit(t *testing.T) {
	g := New(Config{})
	for range maxHeld {
		g.held <- struct{}{}
	}
	g.SetFault(Fault{Operation: "login", Connection: fault.Hang})
	if w := exchange(t, g.Handler(), "PUT", sessionPath, "", `{}`); w.Code != http.StatusServiceUnavailable {
		t.Errorf("HTTP status %d", w.Code)
	}
}
