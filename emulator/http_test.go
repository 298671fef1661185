package emulator

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	sessionPath    = "/agentgateway/resource/onlineagent/1287"
	eventPath      = "/agentgateway/resource/agentevent/1287"
	conferencePath = "/agentgateway/resource/agentconf/1287/"
)

// exchange sends one request to handler and returns the response.
func exchange(t *testing.T, handler http.Handler, method, path, guid, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if guid != "" {
		r.Header.Set("Guid", guid)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// issuedGUIDOf returns the GUID in the header Set-GUID, or "".
func issuedGUIDOf(w *httptest.ResponseRecorder) string {
	//lint:ignore SA1008 the header has the gateway's spelling
	guid, _ := strings.CutPrefix(strings.Join(w.Header()["Set-GUID"], ""), "JSESSIONID=")
	return guid
}

// httpAgent is agent 1287, signed in over HTTP.
type httpAgent struct {
	t       *testing.T
	handler http.Handler
	guid    string
}

// inHTTPBubble runs a test with a signed-in agent in a synctest bubble.
func inHTTPBubble(t *testing.T, test func(t *testing.T, a *httpAgent)) {
	synctest.Test(t, func(t *testing.T) {
		a := &httpAgent{t: t, handler: New(dynamicConfig).Handler()}
		a.signIn()
		test(t, a)
	})
}

func (a *httpAgent) signIn() {
	a.t.Helper()
	w := exchange(a.t, a.handler, "PUT", sessionPath, "", `{"password":"secret","phonenum":"40038","status":"4"}`)
	var reply struct {
		Retcode string
		Result  struct{ Workno, LoginTime string }
	}
	err := json.Unmarshal(w.Body.Bytes(), &reply)
	a.guid = issuedGUIDOf(w)
	if err != nil || reply.Retcode != success || reply.Result.Workno != "1287" || reply.Result.LoginTime == "" ||
		len(a.guid) < 36 {
		a.t.Fatalf("sign-in: %s, GUID %q", w.Body, a.guid)
	}
}

// send sends a request with the agent's GUID.
func (a *httpAgent) send(method, path, body string) *httptest.ResponseRecorder {
	a.t.Helper()
	return exchange(a.t, a.handler, method, path, a.guid, body)
}

// expect sends a request and compares the response byte by byte, as some clients do.
func (a *httpAgent) expect(method, path, body, want string) {
	a.t.Helper()
	if w := a.send(method, path, body); w.Code != http.StatusOK || w.Body.String() != want {
		a.t.Errorf("%s %s: HTTP status %d, %s, want %s", method, path, w.Code, w.Body, want)
	}
}

func TestSignInOverHTTP(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		now := strconv.FormatInt(time.Now().UnixMilli(), 10)
		a.expect("PUT", sessionPath, `{"password":"x","phonenum":"1"}`,
			`{"message":"already signed in","retcode":"100-002","result":{}}`)
		a.expect("PUT", sessionPath, `{`,
			`{"message":"invalid sign-in argument","retcode":"100-001","result":{}}`)
		a.expect("PUT", sessionPath+"/forcelogin", `{"password":"","phonenum":"1"}`,
			`{"message":"","retcode":"0","result":{"isForceChange":"false","loginTime":"`+now+`","mediatype":"TTF",`+
				`"serverName":"AgentGateway","timeRemaining":"","vdnid":1,"workno":"1287"}}`)
	})
}

// A path may have doubled slashes and slashes at its end, and a sign-in no password.
func TestTolerance(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		path := strings.Replace(sessionPath, "/onlineagent", "//onlineagent", 1)
		a.expect("PUT", path, `{"phonenum":"1"}`, `{"message":"already signed in","retcode":"100-002","result":{}}`)
		a.expect("POST", path+"//handshake/", "", `{"message":"success","retcode":"0"}`)
	})
}

func TestSessionOverHTTP(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.expect("POST", sessionPath+"/handshake", "", `{"message":"success","retcode":"0"}`)
		a.expect("POST", sessionPath+"/resetskill/true", "", `{"message":"success","retcode":"0","result":{}}`)
		w := a.send("PUT", sessionPath+"/updateGuid", "")
		var updated struct{ Result struct{ GUID string } }
		err := json.Unmarshal(w.Body.Bytes(), &updated)
		if guid := updated.Result.GUID; err != nil || len(guid) != len(a.guid) || guid == a.guid {
			t.Errorf("new GUID: %s", w.Body)
		}
	})
}

func TestSignOutOverHTTP(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.send("POST", conferencePath+"requestagentconf", `{"memberNum":4}`)
		a.expect("DELETE", sessionPath+"/logout", "", `{"message":"wrong state","retcode":"100-010","result":{}}`)
		a.expect("DELETE", sessionPath+"/forcelogoutwithreason/256", "",
			`{"message":"invalid sign-out argument","retcode":"100-005"}`)
		a.expect("DELETE", sessionPath+"/forcelogoutwithreason/1", "", `{"message":"success","retcode":"0"}`)
		a.expect("DELETE", sessionPath+"/forcelogout", "",
			`{"message":"not signed in","retcode":"100-006","result":{}}`)
	})
}

func TestPollOverHTTP(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.expect("GET", eventPath, "",
			`{"message":"","retcode":"0","event":{"eventType":"AgentOther_InService","workNo":"1287","content":null}}`)
		a.expect("GET", eventPath, "",
			`{"message":"","retcode":"0","event":{"eventType":"AgentState_Ready","workNo":"1287","content":null}}`)
		a.expect("GET", eventPath, "", `{"message":"","retcode":"0"}`)
		time.Sleep(time.Minute)
		if renewed := issuedGUIDOf(a.send("GET", eventPath, "")); renewed == "" || renewed == a.guid {
			t.Errorf("GUID %q from a poll after a minute, was %q", renewed, a.guid)
		}
		a.guid = "wrong"
		a.expect("GET", eventPath, "", `{"message":"no right","retcode":"000-003"}`)

		events := a.send("GET", "/emulator/events", "").Body.String()
		first := `{"seq":1,"eventType":"AgentOther_InService","workNo":"1287","content":null}` + "\n"
		if !strings.HasPrefix(events, first) {
			t.Errorf("events:\n%s", events)
		}
	})
}

func TestConferenceOverHTTP(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.expect("POST", conferencePath+"holdparticipant", holdPhone,
			`{"message":"no conference","retcode":"101-001","result":{}}`)
		a.expect("POST", conferencePath+"requestagentconf", `{"memberNum":4}`,
			`{"message":"success","retcode":"0","result":{}}`)
		a.expect("GET", "/emulator/log", "",
			`{"seq":1,"operation":"holdParticipant","agentId":"1287","body":`+holdPhone+
				`,"retcode":"101-001","applied":false}`+"\n"+
				`{"seq":2,"operation":"requestAgentConf","agentId":"1287","body":{"memberNum":4}`+
				`,"retcode":"0","applied":true}`+"\n")
		a.expect("GET", conferencePath+"queryvdnconfid", "",
			`{"message":"not an inspector","retcode":"101-004","result":{}}`)
	})
}

func TestFaultsOverHTTP(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.expect("POST", "/emulator/faults", `{"operation":"requestAgentConf","retcode":"999-999"}`,
			`{"id":"f1","operation":"requestAgentConf","count":1,"left":1,"retcode":"999-999"}`+"\n")
		a.expect("POST", "/emulator/faults", `{"events":"delay","delay":"1h"}`,
			`{"id":"f2","events":"delay","count":1,"left":1,"delay":"1h0m0s"}`+"\n")
		a.expect("POST", conferencePath+"requestagentconf", `{"memberNum":4}`,
			`{"message":"retcode 999-999","retcode":"999-999","result":{}}`)
		a.expect("DELETE", "/emulator/faults", "", "")
		for _, wrong := range []string{"{", `{"evnts":"lose"}`, `{"events":"delay","delay":"x"}`, `{}`} {
			if w := a.send("POST", "/emulator/faults", wrong); w.Code != http.StatusBadRequest {
				t.Errorf("fault %s: HTTP status %d", wrong, w.Code)
			}
		}
	})
}

// Some clients compare the name of the header byte by byte.
func TestSetGUIDSpelling(t *testing.T) {
	s := httptest.NewServer(New(dynamicConfig).Handler())
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "PUT "+sessionPath+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 31\r\n"+
		"\r\n"+`{"password":"x","phonenum":"1"}`)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Set-GUID: JSESSIONID=") {
			return
		}
	}
	t.Error("no header spelled Set-GUID")
}

// The emulator serves its page, which keeps the JSON of unknown paths.
func TestPage(t *testing.T) {
	handler := New(Config{}).Handler()
	for path, want := range map[string]string{
		"/": "<!DOCTYPE html>", "/emulator/page/page.js": "import", "/emulator/front": "{}", "/other": "the page at /",
	} {
		if w := exchange(t, handler, "GET", path, "", ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %.200s", path, w.Code, w.Body)
		}
	}
	const hold = "/emulator/page/gateway" + conferencePath + "holdparticipant"
	if w := exchange(t, handler, "POST", hold, "", "{}"); !strings.Contains(w.Body.String(), `"retcode":"`) {
		t.Errorf("a call of the page: %d %s", w.Code, w.Body)
	}
}
