package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// Both documented answers to a stale GUID are a setting.
func TestStaleGUID(t *testing.T) {
	for _, retcode := range []string{noRight, notSignedIn} {
		g := New(Config{StaleGUID: retcode, SignOutAfter: -1})
		g.SignIn("1287", SignIn{Phonenum: "1"}, false)
		if _, got := g.Handshake("1287", "stale"); got != retcode {
			t.Errorf("got %s, want %s", got, retcode)
		}
	}
}

// An account has one password, and locks after five wrong ones in a row.
func TestPasswords(t *testing.T) {
	g := New(Config{SignOutAfter: -1})
	accounts := []Account{{AgentID: "1287", Name: "ann", Password: "right"}, {AgentID: "2002", Locked: true}}
	if err := g.Seed(Seed{Accounts: accounts}); err != nil {
		t.Fatal(err)
	}
	login := func(body string) string {
		w := exchange(t, g.Handler(), "PUT", resourceRoot+"onlineagent/loginbyaccount", "", body)
		var reply struct{ Retcode string }
		json.Unmarshal(w.Body.Bytes(), &reply)
		return reply.Retcode
	}
	for body, want := range map[string]string{
		`{"account":"bob","password":"x"}`: accountWrong, `{"account":"ann","password":"x"}`: accountWrong,
		`{"account":"2002","password":""}`: accountIsLocked, `{"account":"ann"}`: accountWrong,
		`{"account":"ann","password":"right","phonenum":"1234567890123456789012345"}`: accountFailed,
	} {
		if got := login(body); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	if _, got := g.SignIn("1300", SignIn{Phonenum: "1", Password: "any"}, false); got != success {
		t.Errorf("an agent without an account: %s", got)
	}
	if got := login(`{"account":"ann","password":"right"}`); got != success {
		t.Errorf("the right password: %s", got)
	}
	for range maxPasswordFailures {
		if _, got := g.SignIn("1287", SignIn{Phonenum: "1", Password: "x"}, true); got != wrongPassword {
			t.Errorf("a wrong password: %s", got)
		}
	}
	if _, got := g.SignIn("1287", SignIn{Phonenum: "1", Password: "right"}, true); got != accountLocked {
		t.Errorf("the right password of a locked account: %s", got)
	}
}

// Double and trailing slashes do not matter, and an unknown path is JSON.
func TestPaths(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.expect("POST", "//agentgateway/resource//onlineagent/1287/handshake/", "", `{"message":"success","retcode":"0"}`)
		for _, path := range []string{"voicecall/1287/nosuch", "onlineagent/1287/nosuch", "agentconf/1287/holdparticipant"} {
			a.expect("PATCH", resourceRoot+path, "", `{"message":"invalid argument","retcode":"000-002","result":{}}`)
		}
		a.expect("GET", "/agentgateway/", "", `{"message":"invalid argument","retcode":"000-002","result":{}}`)
		for _, path := range []string{"/nosuch", "/emulator", "/emulator/", "/emulator//nosuch/"} {
			if w := a.send("GET", path, ""); w.Code != http.StatusNotFound || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s: HTTP status %d, %s", path, w.Code, w.Body)
			}
		}
	})
}

// Both heartbeats of old clients keep an agent signed in.
func TestHeartbeat(t *testing.T) {
	inHTTPBubble(t, func(t *testing.T, a *httpAgent) {
		a.expect("PUT", sessionPath+"/handshake", "", `{"message":"success","retcode":"0"}`)
		w := a.send("PUT", sessionPath+"/heartbeat", "")
		if !strings.Contains(w.Body.String(), `"retcode":"0","result":{"loginTime":"`) {
			t.Errorf("heartbeat: %s", w.Body)
		}
	})
}

// Behind a load balancer, a client without its cookie reaches a node that does not know it.
func TestNodes(t *testing.T) {
	g := New(Config{Nodes: []string{"A", "B"}, BalancerCookie: "loadbalance", AuthMode: StaticGUID, SignOutAfter: -1})
	w := exchange(t, g.Handler(), "PUT", sessionPath, "", `{"password":"","phonenum":"1"}`)
	guid, cookie := issuedGUIDOf(w), w.Header().Get("Set-Cookie")
	if !strings.HasSuffix(guid, ".A") || cookie != "loadbalance=A; Path=/" {
		t.Fatalf("GUID %q, cookie %q", guid, cookie)
	}
	if w := exchange(t, g.Handler(), "POST", sessionPath+"/handshake", guid, ""); !strings.Contains(w.Body.String(), notSignedIn) {
		t.Errorf("without the cookie: %s", w.Body)
	}
	for cookie, want := range map[string]string{"loadbalance=A": success, "loadbalance=B": notSignedIn} {
		r := httptest.NewRequest("POST", sessionPath+"/handshake", nil)
		r.Header.Set("Guid", guid)
		r.Header.Set("Cookie", cookie)
		w := serve(g.Handler(), r)
		if !strings.Contains(w.Body.String(), `"retcode":"`+want+`"`) || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %s", cookie, w.Body)
		}
	}
}

// Events are pushed in order, in the form of either parameter, and journalled.
func TestPush(t *testing.T) {
	received := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- r.Header.Get("Guid") + " " + r.Header.Get("service_token") + " " + string(body)
		io.WriteString(w, `{"retcode":0}`)
	}))
	defer receiver.Close()
	const first = `{"eventType":"AgentOther_InService","workNo":"1287","content":null}`
	for _, test := range []struct{ fields, token, want string }{
		{`"pushUrl":"` + receiver.URL + `"`, "", `{"message":"","retcode":"0","event":` + first + `}`},
		{`"callBackUri":"` + receiver.URL + `","serviceToken":"t"`, "t", `{"eventList":[` + first + `],"workNo":"1287"}`},
	} {
		g := New(Config{AuthMode: StaticGUID, SignOutAfter: -1})
		w := exchange(t, g.Handler(), "PUT", sessionPath, "", `{"password":"","phonenum":"1",`+test.fields+`}`)
		guid := issuedGUIDOf(w)
		if got := <-received; got != guid+" "+test.token+" "+test.want {
			t.Errorf("pushed %s, want %s", got, test.want)
		}
		if got := <-received; !strings.Contains(got, "AgentState_Ready") {
			t.Errorf("pushed second: %s", got)
		}
		g.SignOut("1287", guid, true)
		if got := <-received; !strings.Contains(got, "AgentOther_ShutdownService") {
			t.Errorf("pushed last: %s", got)
		}
	}
}

// A desk that uses other families works with canned replies: the requests of the vendor's
// desk between its sign-in and its sign-out.
func TestCannedDesk(t *testing.T) {
	text, err := os.ReadFile("testdata/desk.json")
	if err != nil {
		t.Fatal(err)
	}
	canned, err := ParseCanned(text)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{AuthMode: StaticGUID, SignOutAfter: -1, Canned: canned})
	desk := &httpAgent{t: t, handler: g.Handler()}
	desk.signIn()
	desk.expect("POST", resourceRoot+"/onlineagent/1287/sayfree", `null`, `{"message":"success","retcode":"0","result":{}}`)
	desk.expect("GET", resourceRoot+"queuedevice/1287/innerid/", "", `{"message":"","retcode":"0","result":{"queuesize":2}}`)
	desk.expect("PUT", resourceRoot+"voicecall/1287/callout", `{"called":"88887946"}`,
		`{"message":"","retcode":"0","result":"1455885056-7"}`)
	for _, want := range []string{"InService", "Ready", "AgentState_CancelNotReady_Success", "AgentEvent_Talking"} {
		if w := desk.send("GET", eventPath, ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("event %s, want %s", w.Body, want)
		}
	}
	w := desk.send("GET", resourceRoot+"recordplay/1287/download/7", "")
	if w.Header().Get("Content-Type") != "audio/wav" || w.Body.String() != "RIFF" {
		t.Errorf("download: %v %s", w.Header(), w.Body)
	}
	desk.send("POST", "/emulator/faults", `{"operation":"callout","retcode":"200-010"}`)
	desk.expect("PUT", resourceRoot+"voicecall/1287/callout", "", `{"message":"retcode 200-010","retcode":"200-010","result":{}}`)
	desk.guid = "wrong"
	desk.expect("POST", resourceRoot+"onlineagent/1287/sayfree", "", `{"message":"no right","retcode":"000-003","result":{}}`)
}

func TestParseCannedRejects(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "object", `[{"method":"GET"}]`: "path is missing", `[{"method":"GET","path":"/a"}]`: "slash",
		`[{"method":"GET","path":"a","body":1,"text":"x"}]`: "both", `[{"method":"GET","path":"a","status":1}]`: "status",
		`[{"method":"GET","path":"a","events":[{"eventType":"X"}]}]`: "agentid", `[{"verb":"GET"}]`: "verb",
		`[{"method":"GET","path":"{agentid}","events":[{}]}]`:                                            "eventType",
		"[" + strings.Repeat(`{"method":"GET","path":"a"},`, maxCanned) + `{"method":"GET","path":"a"}]`: "1000",
	} {
		if _, err := ParseCanned([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}
