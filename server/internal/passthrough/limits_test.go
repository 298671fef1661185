package passthrough

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for path, want := range map[string][2]string{
		alerting:                                     {"voicecall", "1287"},
		Root + "/onlineagent/101/sayfree/":           {"onlineagent", "101"},
		Root + "queuedevice/1287":                    {"queuedevice", "1287"},
		Root + "onlineagent/loginbyaccount":          {"onlineagent", ""},
		Root + "nobody/1287/x":                       {"other", "1287"},
		Root + "voicecall/88887946/x":                {"voicecall", ""},
		Root + "voicecall//x":                        {"voicecall", ""},
		"//agentgateway//resource//voicecall/1287/x": {"voicecall", "1287"},
		Root:                                   {"other", ""},
		Root + "qualitycontrol/12a7/additem/1": {"qualitycontrol", ""},
	} {
		family, agentID := parsePath(path)
		if got := [2]string{family, agentID}; got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// A path that may leave the gateway's resources is not forwarded, and neither are the methods
// that reflect credentials or open a tunnel.
func TestRejectedRequests(t *testing.T) {
	b := newTestbed(t, func(http.ResponseWriter, *http.Request) { t.Error("the gateway got a request") }, nil)
	for _, line := range []string{
		"GET " + Root + "../manager", "GET " + Root + "a/%2e%2e/%2E./manager", "GET " + Root + "..;x=1/manager",
		"GET " + Root + "a%2f..%2fmanager", "GET " + Root + "..%5cmanager", "GET " + Root + "a/./b", "TRACE " + alerting,
	} {
		if got := b.send(t, request(line)); !strings.Contains(got, "NO_SUCH_OPERATION") {
			t.Errorf("%s: got %q, want NO_SUCH_OPERATION", line, got)
		}
	}
	if !climbs("/a/..") || climbs("/a/...") || climbs("/a/..b/c.") {
		t.Error("climbs: got another answer, want only whole segments of dots")
	}
}

// Requests with one GUID beyond the rate are rejected. Other GUIDs, and requests without one,
// still pass.
func TestRate(t *testing.T) {
	b := newTestbed(t, func(http.ResponseWriter, *http.Request) {}, func(o *Options) { o.Rate = 1 })
	rejected := func(headers ...string) bool {
		for range 100 { // of which two come within one second
			if got := b.send(t, request("GET "+alerting, headers...)); strings.Contains(got, "AGENT_RATE_EXCEEDED") {
				return true
			}
		}
		return false
	}
	if !rejected("Guid: a") {
		t.Error("100 requests with one GUID passed, want a rejection")
	}
	if got := b.send(t, request("GET "+alerting, "Guid: b")); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("another GUID: got %q, want 200", got)
	}
	if rejected() {
		t.Error("got a rejection without a GUID")
	}
}

// Requests in flight beyond the limit are rejected.
func TestMaxInFlight(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- true
		<-release
	}, func(o *Options) { o.MaxInFlight = 1 })
	done := make(chan string)
	go func() { done <- b.send(t, request("GET "+alerting, "Guid: a")) }()
	<-entered
	if got := b.send(t, request("GET "+alerting, "Guid: b")); !strings.Contains(got, "OVERLOADED") {
		t.Errorf("got %q, want OVERLOADED", got)
	}
	if got := b.scrape(); !strings.Contains(got, "agentconf_pass_through_in_flight 1\n") {
		t.Errorf("got %s, want one in flight", got)
	}
	release <- true
	if got := <-done; !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q, want 200", got)
	}
}

// A record has the fields of a call's record, and nothing of the request but what is listed
// here. The metric has the family and the class of the status.
func TestRecord(t *testing.T) {
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotFound) }, nil)
	b.send(t, request("SECRET "+alerting+"?called=88887946", "Guid: secret", "Cookie: secret"))
	var got map[string]any
	if err := json.Unmarshal([]byte(b.records()), &got); err != nil {
		t.Fatalf("%v in %s", err, b.records())
	}
	for key, want := range map[string]any{
		"msg": "call", "level": "INFO", "front": "pass-through", "family": "voicecall", "http.request.method": "_OTHER",
		"http.response.status_code": 404.0, "agent": "1287",
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
	if len(got) != 10 || strings.Contains(strings.ToLower(b.records()), "secret") || strings.Contains(b.records(), "88887946") {
		t.Errorf("got the record %s, want time, duration_ms and request_id beside the others", b.records())
	}
	want := `agentconf_pass_through_requests_total{family="voicecall",result="4xx"} 1`
	if !strings.Contains(b.scrape(), want) {
		t.Errorf("got %s, want %s", b.scrape(), want)
	}
}

// A response that breaks off breaks off for the client, too, and its outcome is unknown.
func TestBrokenResponse(t *testing.T) {
	url, _ := rawGateway(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
	b := newTestbedOf(t, url, nil)
	resp, err := http.Get(b.front.URL + alerting)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if string(body) != "part" || err != io.ErrUnexpectedEOF {
		t.Errorf("got %q, %v, want part, %v", body, err, io.ErrUnexpectedEOF)
	}
	b.front.Close() // after the record
	for _, want := range []string{`"level":"WARN"`, `"http.response.status_code":200`, `"reason":"OUTCOME_UNKNOWN"`, `"outcome":"unknown"`} {
		if !strings.Contains(b.records(), want) {
			t.Errorf("got the record %s, want %s", b.records(), want)
		}
	}
	if want := `{family="voicecall",result="no_answer"} 1`; !strings.Contains(b.scrape(), want) {
		t.Errorf("got %s, want %s", b.scrape(), want)
	}
}

// A client that leaves ends its request at the gateway.
func TestClientLeaves(t *testing.T) {
	entered, left := make(chan bool), make(chan bool)
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- true
		<-r.Context().Done()
		close(left)
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", b.front.URL+alerting, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-entered
		cancel()
	}()
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Error("got a response, want none")
	}
	<-left
	b.front.Close()
	if !strings.Contains(b.records(), "its client left") && !strings.Contains(b.records(), `"outcome":"unknown"`) {
		t.Errorf("got the record %s, want the client as the cause", b.records())
	}
}

// A panic is logged once, without its value, and closes the connection.
func TestPanic(t *testing.T) {
	url, _ := rawGateway(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-GUID: JSESSIONID=new\r\n\r\n"+`{"retcode":"0"}`)
	b := newTestbedOf(t, url, func(o *Options) {
		o.RenewGUID = func(string, string, string) { panic("secret") }
	})
	if got := b.send(t, request("GET "+alerting)); got != "" {
		t.Errorf("got %q, want a closed connection", got)
	}
	b.front.Close()
	if got := b.records(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"reason":"INTERNAL"`) || strings.Contains(got, "secret") {
		t.Errorf("got %s, want one record with INTERNAL", got)
	}
}
