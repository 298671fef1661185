package passthrough

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const alerting = Root + "voicecall/1287/alerting"

// The gateway gets the request as the client has written it, whatever it is.
func TestRequestAsItIs(t *testing.T) {
	for _, c := range []struct{ line, target string }{
		{"GET " + alerting, alerting},
		{"PUT " + Root + "/onlineagent/1287/sayfree/", Root + "/onlineagent/1287/sayfree/"},
		{"POST " + Root + "calldata/1287/%2f%E4%BD%A0|\"{}?a=1;2&&b=%zz", Root + "calldata/1287/%2f%E4%BD%A0|\"{}?a=1;2&&b=%zz"},
		{"VOICE " + alerting + "?", alerting + "?"},
		{"PATCH http://agentconf.test" + alerting + "?x", alerting + "?x"},
		{"OPTIONS " + alerting, alerting},
		{"GET //agentgateway//resource/voicecall/1287/a", "/agentgateway//resource/voicecall/1287/a"},
		{"DELETE " + alerting, alerting},
	} {
		url, received := rawGateway(t, "HTTP/1.1 204 No Content\r\n\r\n")
		b := newTestbedOf(t, url, nil)
		b.send(t, request(c.line, "Guid: g.AgentGateway1", "service_token: t", "Cookie: loadbalance=1; b=2", "Cookie: c=3",
			"Accept-Encoding: br", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "Keep-Alive: 7",
			"Upgrade: websocket", "X-Own: 7"))
		method, _, _ := strings.Cut(c.line, " ")
		head := <-received
		if !strings.HasPrefix(head, method+" "+c.target+" HTTP/1.1\r\nHost: "+strings.TrimPrefix(url, "http://")+"\r\n") {
			t.Errorf("got\n%s\nwant the target %s", head, c.target)
		}
		for _, line := range []string{"Guid: g.AgentGateway1", "service_token: t", "Cookie: loadbalance=1; b=2", "Cookie: c=3",
			"Accept-Encoding: br", "X-Own: 7"} {
			if !strings.Contains(head, "\r\n"+line+"\r\n") {
				t.Errorf("%s: got\n%s\nwant the line %s", c.line, head, line)
			}
		}
		for _, name := range []string{"Forwarded", "X-Forwarded-For", "Keep-Alive", "Upgrade", "Connection", "User-Agent", "Via"} {
			if strings.Contains(head, "\r\n"+name+":") {
				t.Errorf("%s: got\n%s\nwant no %s", c.line, head, name)
			}
		}
	}
}

// The client gets the response of the gateway as it is, with the gateway's spelling of
// Set-GUID, and without headers that net/http would add.
func TestResponseAsItIs(t *testing.T) {
	url, _ := rawGateway(t, "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 401 Whatever\r\n"+
		"Set-GUID: JSESSIONID=new.AgentGateway1; Path=/; HttpOnly\r\nSet-Cookie: loadbalance=1; Path=/\r\nSet-Cookie: b=2\r\n"+
		"Keep-Alive: timeout=5\r\nX-Request-Id: theirs\r\nX-Own: 7\r\nContent-Length: 3\r\n\r\n{ }")
	b := newTestbedOf(t, url, nil)
	got := b.send(t, request("GET "+alerting, "Guid: old.AgentGateway1"))
	want := "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\nSet-Cookie: loadbalance=1; Path=/\r\nSet-Cookie: b=2\r\n" +
		"Set-GUID: JSESSIONID=new.AgentGateway1; Path=/; HttpOnly\r\nX-Own: 7\r\nX-Request-Id: 7\r\nConnection: close\r\n\r\n{ }"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A new GUID that comes with the consent of the gateway is the agent's. Any other one may belong
// to an empty session, and one without an agent in the path belongs to nobody's events. The body
// passes on whole in any case.
func TestRenewal(t *testing.T) {
	large := `{"retcode":"0","result":"` + strings.Repeat("x", 3*maxEnvelope) + `"}`
	for name, test := range map[string]struct {
		path, status, body string
		renewed            bool
	}{
		"accepted":         {alerting, "200 OK", `{"message":"","retcode":"0"}`, true},
		"a number":         {alerting, "200 OK", `{"retcode":0}`, true},
		"not signed in":    {alerting, "200 OK", `{"message":"","retcode":"100-006"}`, false},
		"another status":   {alerting, "401 Unauthorized", `{"retcode":"0"}`, false},
		"no envelope":      {alerting, "200 OK", "RIFF", false},
		"a large envelope": {alerting, "200 OK", large, false},
		"no agent":         {Root + "onlineagent/loginbyaccount", "200 OK", `{"retcode":"0"}`, false},
	} {
		url, _ := rawGateway(t, "HTTP/1.1 "+test.status+"\r\nContent-Type: application/json;charset=UTF-8\r\n"+
			"Set-GUID: JSESSIONID=new.AgentGateway1; Path=/\r\n\r\n"+test.body)
		b := newTestbedOf(t, url, nil)
		got := b.send(t, strings.Replace(request("PUT "+test.path, "Guid: old.AgentGateway1"), "HTTP/1.1", "HTTP/1.0", 1))
		if !strings.HasSuffix(got, "\r\n\r\n"+test.body) {
			t.Errorf("%s: got %.300q, want the whole body", name, got)
		}
		var renewed [][3]string
		if test.renewed {
			renewed = [][3]string{{"1287", "old.AgentGateway1", "new.AgentGateway1"}}
		}
		if !slices.Equal(b.renewed, renewed) {
			t.Errorf("%s: got the renewals %v, want %v", name, b.renewed, renewed)
		}
	}
}

// Bodies of 5 MiB pass in both directions, with and without an announced length.
func TestLargeBodies(t *testing.T) {
	large := make([]byte, 5<<20)
	source := rand.NewChaCha8([32]byte{7})
	source.Read(large)
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		w.Header().Set("X-Received", fmt.Sprintf("%d %d %x %v", r.ContentLength, n, h.Sum(nil), err))
		w.(http.Flusher).Flush() // a download without a length
		w.Write(large)
	}, nil)
	for name, body := range map[string]io.Reader{
		"announced": bytes.NewReader(large), "chunked": io.MultiReader(bytes.NewReader(large)),
	} {
		resp, err := http.Post(b.front.URL+Root+"recordplay/1287/upload", "application/octet-stream", body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(got, large) || resp.ContentLength != -1 {
			t.Errorf("%s: got %d bytes of %d, %v, want the whole download", name, len(got), resp.ContentLength, err)
		}
		length := map[string]int{"announced": len(large), "chunked": -1}[name]
		want := fmt.Sprintf("%d %d %x <nil>", length, len(large), sha256.Sum256(large))
		if got := resp.Header.Get("X-Received"); got != want {
			t.Errorf("%s: the gateway received %s, want %s", name, got, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// A body that has ended stays ended: once the gateway has answered, net/http fails a further
// read of it, and its transport would break off the response.
func TestReadAfterEnd(t *testing.T) {
	b := &pacedBody{
		ReadCloser: io.NopCloser(strings.NewReader("body")), control: http.NewResponseController(httptest.NewRecorder()),
	}
	if got, err := io.ReadAll(b); string(got) != "body" || err != nil {
		t.Fatalf("got %q, %v, want the body", got, err)
	}
	b.ReadCloser = io.NopCloser(iotest.ErrReader(http.ErrBodyReadAfterClose))
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the end: got %d bytes, %v, want EOF", n, err)
	}
}

// Each part of a response without a length reaches the client before the next one exists, and
// each part of a request reaches the gateway: both directions stream at the same time.
func TestStreams(t *testing.T) {
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		part := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, part); err != nil {
				return
			}
			w.Write(part)
			control.Flush()
		}
	}, nil)
	read, write := io.Pipe()
	r, err := http.NewRequest("POST", b.front.URL+Root+"textchat/1287/stream", read)
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(write, "a")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	part := make([]byte, 1)
	for _, next := range []string{"b", "c", ""} {
		if _, err := io.ReadFull(resp.Body, part); err != nil {
			t.Fatal(err)
		}
		if next == "" {
			write.Close()
		} else {
			io.WriteString(write, next)
		}
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 || part[0] != 'c' {
		t.Errorf("got %q after %q, %v, want the end after c", rest, part, err)
	}
}

// A client of HTTP/1.0 gets a download without a length up to the end of the connection.
func TestHTTP10(t *testing.T) {
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		io.WriteString(w, "second")
	}, nil)
	got := b.send(t, "GET "+alerting+" HTTP/1.0\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.0 200 OK\r\n") || !strings.HasSuffix(got, "\r\n\r\nfirst second") {
		t.Errorf("got %q, want HTTP/1.0 and no chunks", got)
	}
}

// A client that expects 100 Continue gets it when the gateway wants the body, and the gateway's
// final answer at once otherwise.
func TestExpectContinue(t *testing.T) {
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/refused") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		io.Copy(w, r.Body)
	}, nil)
	header := []string{"Expect: 100-continue", "Content-Length: 2"}
	if got := b.send(t, request("POST "+alerting, header...)+"{}"); !strings.HasPrefix(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") ||
		!strings.HasSuffix(got, "\r\n\r\n{}") {
		t.Errorf("got %q, want 100, then 200 and the body", got)
	}
	if got := b.send(t, request("POST "+Root+"voicecall/1287/refused", header...)); !strings.HasPrefix(got, "HTTP/1.1 403 Forbidden\r\n") {
		t.Errorf("got %q, want 403 without a body of the request", got)
	}
}

// Trailers pass in both directions.
func TestTrailers(t *testing.T) {
	b := newTestbed(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", r.Trailer.Get("X-Client-Sum"))
	}, nil)
	got := b.send(t, request("POST "+alerting, "Transfer-Encoding: chunked", "Trailer: X-Client-Sum")+
		"1\r\nx\r\n0\r\nX-Client-Sum: 7\r\n\r\n")
	if !strings.HasSuffix(got, "4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n") {
		t.Errorf("got %q, want the trailer X-Sum: 7", got)
	}
}

// Headers for pages of other origins come from agentconf alone if it sets them: a browser
// rejects two.
func TestOwnCORS(t *testing.T) {
	response := http.Header{"Access-Control-Allow-Origin": {"*"}, "Access-Control-Max-Age": {"7"}, "X-Own": {"7"}}
	x := &exchange{writer: recorder{"Access-Control-Allow-Origin": {"https://desk.example"}}}
	x.adjust(response)
	if len(response) != 1 || response["X-Own"] == nil {
		t.Errorf("got %v, want X-Own only", response)
	}
	response = http.Header{"Access-Control-Allow-Origin": {"*"}}
	(&exchange{writer: recorder{}}).adjust(response)
	if len(response) != 1 {
		t.Errorf("got %v, want the gateway's own", response)
	}
}

// recorder is a ResponseWriter with a header only.
type recorder http.Header

func (r recorder) Header() http.Header       { return http.Header(r) }
func (recorder) Write(p []byte) (int, error) { return len(p), nil }
func (recorder) WriteHeader(int)             {}
