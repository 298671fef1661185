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

// exchange sends one request to the emulator's HTTP side and returns the answer
// and its body.
func exchange(t *testing.T, handler http.Handler, method, path, guid, body string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if guid != "" {
		r.Header.Set("Guid", guid)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w, w.Body.String()
}

// issuedGUID is the GUID that an answer announces.
func issuedGUID(w *httptest.ResponseRecorder) string {
	//lint:ignore SA1008 the emulator spells it as gateways do
	guid, _ := strings.CutPrefix(strings.Join(w.Header()["Set-GUID"], ""), "JSESSIONID=")
	return guid
}

func TestHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(dynamic).Handler()
		const agent = "/agentgateway/resource/onlineagent/1287"
		const events = "/agentgateway/resource/agentevent/1287"
		const conference = "/agentgateway/resource/agentconf/1287/"

		w, body := exchange(t, h, "PUT", agent, "", `{"password":"secret","phonenum":"40038","status":"4"}`)
		guid := issuedGUID(w)
		var signIn struct {
			Retcode string
			Result  struct{ Workno, LoginTime string }
		}
		if err := json.Unmarshal([]byte(body), &signIn); err != nil || signIn.Retcode != success || signIn.Result.Workno != "1287" || signIn.Result.LoginTime == "" || len(guid) < 36 {
			t.Fatalf("sign-in: %s, GUID %q", body, guid)
		}
		expect := func(method, path, guid, sent, want string) {
			t.Helper()
			w, got := exchange(t, h, method, path, guid, sent)
			if w.Code != http.StatusOK || got != want {
				t.Errorf("%s %s: HTTP status %d, %s, want %s", method, path, w.Code, got, want)
			}
		}
		expect("PUT", agent, "", `{"password":"x","phonenum":"1"}`, `{"message":"already signed in","retcode":"100-002","result":{}}`)
		expect("PUT", agent, "", `{`, `{"message":"invalid sign-in argument","retcode":"100-001","result":{}}`)
		expect("GET", events, guid, "", `{"message":"","retcode":"0","event":{"eventType":"AgentOther_InService","workNo":"1287","content":null}}`)
		expect("GET", events, guid, "", `{"message":"","retcode":"0","event":{"eventType":"AgentState_Ready","workNo":"1287","content":null}}`)
		expect("GET", events, guid, "", `{"message":"","retcode":"0"}`) // to the byte: clients compare it
		expect("GET", events, "wrong", "", `{"message":"no right","retcode":"000-003"}`)
		expect("POST", conference+"holdparticipant", guid, holdPhone, `{"message":"no conference","retcode":"101-001","result":{}}`)
		expect("POST", conference+"requestagentconf", guid, `{"memberNum":4}`, `{"message":"success","retcode":"0","result":{}}`)

		time.Sleep(time.Minute)
		w, _ = exchange(t, h, "GET", events, guid, "")
		if renewed := issuedGUID(w); renewed == "" || renewed == guid {
			t.Errorf("GUID %q from a poll after a minute, was %q", renewed, guid)
		}
		_, log := exchange(t, h, "GET", "/emulator/log", "", "")
		if want := `{"seq":1,"operation":"holdParticipant","agentId":"1287","body":` + holdPhone + `,"retcode":"101-001","applied":false}` + "\n" +
			`{"seq":2,"operation":"requestAgentConf","agentId":"1287","body":{"memberNum":4},"retcode":"0","applied":true}` + "\n"; log != want {
			t.Errorf("log\n%s, want\n%s", log, want)
		}
		expect("DELETE", agent+"/logout", guid, "", `{"message":"wrong state","retcode":"100-010","result":{}}`)
		expect("PUT", agent+"/forcelogin", "", `{"password":"","phonenum":"1"}`, `{"message":"","retcode":"0","result":{"isForceChange":"false",`+
			`"loginTime":"`+strconv.FormatInt(time.Now().UnixMilli(), 10)+`","mediatype":"TTF","serverName":"AgentGateway","timeRemaining":"","vdnid":1,"workno":"1287"}}`)
		w, _ = exchange(t, h, "PUT", agent+"/forcelogin", "", `{"password":"","phonenum":"1"}`)
		guid = issuedGUID(w)
		expect("POST", agent+"/handshake", guid, "", `{"message":"success","retcode":"0"}`)
		expect("POST", agent+"/resetskill/true", guid, "", `{"message":"success","retcode":"0","result":{}}`)
		expect("GET", conference+"queryvdnconfid", guid, "", `{"message":"not an inspector","retcode":"101-004","result":{}}`)
		_, body = exchange(t, h, "PUT", agent+"/updateGuid", guid, "")
		var updated struct{ Result struct{ GUID string } }
		if err := json.Unmarshal([]byte(body), &updated); err != nil || len(updated.Result.GUID) != len(guid) || updated.Result.GUID == guid {
			t.Errorf("new GUID: %s", body)
		}
		expect("POST", "/emulator/faults", "", `{"operation":"requestAgentConf","retcode":"999-999"}`, "")
		expect("POST", "/emulator/faults", "", `{"events":"delay","delay":"1h"}`, "")
		expect("POST", conference+"requestagentconf", guid, `{"memberNum":4}`, `{"message":"retcode 999-999","retcode":"999-999","result":{}}`)
		expect("DELETE", "/emulator/faults", "", "", "")
		for _, wrong := range []string{"{", `{"evnts":"lose"}`, `{"events":"delay","delay":"x"}`, `{}`} {
			if w, _ := exchange(t, h, "POST", "/emulator/faults", "", wrong); w.Code != http.StatusBadRequest {
				t.Errorf("fault %s: HTTP status %d", wrong, w.Code)
			}
		}
		_, told := exchange(t, h, "GET", "/emulator/events", "", "")
		if !strings.HasPrefix(told, `{"seq":1,"eventType":"AgentOther_InService","workNo":"1287","content":null}`+"\n") {
			t.Errorf("events:\n%s", told)
		}
		expect("DELETE", agent+"/forcelogoutwithreason/256", guid, "", `{"message":"invalid sign-out argument","retcode":"100-005"}`)
		expect("DELETE", agent+"/forcelogoutwithreason/1", guid, "", `{"message":"success","retcode":"0"}`)
		expect("DELETE", agent+"/forcelogout", guid, "", `{"message":"not signed in","retcode":"100-006","result":{}}`)
	})
}

// Some clients look for the header byte by byte.
func TestSetGUIDSpelling(t *testing.T) {
	s := httptest.NewServer(New(dynamic).Handler())
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "PUT /agentgateway/resource/onlineagent/1287 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 31\r\n\r\n{\"password\":\"x\",\"phonenum\":\"1\"}")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Set-GUID: JSESSIONID=") {
			return
		}
	}
	t.Error("no header spelled Set-GUID")
}
