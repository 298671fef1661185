package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"agentconf/internal/leaktest"
)

const success = `{"message":"success","retcode":"0","result":{}}`

// ok is an answer that keeps the connection.
var ok = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(success), success)

var hold = Request{
	Method: "POST",
	Path:   "agentconf/1287/holdparticipant",
	GUID:   "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0",
	Body:   map[string]string{"address": "88887946"},
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newClient(t testing.TB, config Config) *Client {
	t.Helper()
	leaktest.Check(t)
	if config.Timeout == 0 {
		config.Timeout = 5 * time.Second
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// kind is the Kind of err, or 0 if it is nil.
func kind(t testing.TB, err error) Kind {
	t.Helper()
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%T is no *Error: %v", err, err)
	}
	if e == nil {
		return 0
	}
	return e.Kind
}

func TestCallReusesConnection(t *testing.T) {
	s := newServer(t, listen(t), answering(ok))
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	for range 3 {
		if _, err := c.Call(t.Context(), hold); err != nil {
			t.Fatal(err)
		}
	}
	if conns, requests := s.counts(); conns != 1 || requests != 3 {
		t.Errorf("%d connections for %d requests, want 1 for 3", conns, requests)
	}
}

// A call goes to the node that issued its GUID, and without one to the gateway.
func TestNodes(t *testing.T) {
	gateway, first, second := newServer(t, listen(t), answering(ok)), newServer(t, listen(t), answering(ok)), newServer(t, listen(t), answering(ok))
	c := newClient(t, Config{URL: "http://" + gateway.Addr().String(), Nodes: map[string]string{
		"AgentGateway1": "http://" + first.Addr().String(),
		"AgentGateway2": "http://" + second.Addr().String(),
	}})
	for guid, want := range map[string]*server{
		"a.AgentGateway1": first, "a.b.AgentGateway2": second, "a.AgentGateway3": gateway,
		"a.agentgateway1": gateway, "a.AgentGateway1.": gateway, "a": gateway,
	} {
		_, before := want.counts()
		req := hold
		req.GUID = guid
		if _, err := c.Call(t.Context(), req); err != nil {
			t.Error(err)
		}
		if _, after := want.counts(); after != before+1 {
			t.Errorf("%s went elsewhere", guid)
		}
	}
}

// A proxy of the environment would see the GUID.
func TestCallIgnoresProxies(t *testing.T) {
	proxy := newServer(t, listen(t), func(*session) { t.Error("the proxy was asked") })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://"+proxy.Addr().String())
	}
	s := newServer(t, listen(t), answering(ok))
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	if _, err := c.Call(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
}

func TestAnswers(t *testing.T) {
	head := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(success), success)
	tests := []struct {
		name, raw string
		kind      Kind // 0: success
		reusable  bool
	}{
		{"plain", ok, 0, true},
		{"chunked", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(success), success), 0, true},
		{"chunked with a trailer", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX: y\r\n\r\n", len(success), success), 0, true},
		{"to be closed", "HTTP/1.1 200 OK\r\nConnection: close\r\n" + head, 0, false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n" + head, 0, false},
		{"to be closed, in a list", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\n" + head, 0, false},
		{"HTTP/1.0, to be kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + head, 0, true},
		{"after interim responses", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, 0, true},
		{"nothing but interim responses", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), Broken, false},
		{"with more behind it", ok + ok, 0, false},
		{"an upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Broken, false},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", Broken, true},
		{"no content, with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", Broken, false},
		{"no content, chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", Broken, false},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", Broken, false},
		{"HTTP/2", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n", Broken, false},
		{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + success, Broken, false},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + head, Broken, false},
		{"a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Broken, false},
		{"headers without end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxAnswer/6), Broken, false},
		{"one long header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxAnswer), Broken, false},
		{"a body too large", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", maxAnswer, success+strings.Repeat(" ", maxAnswer)), Broken, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, listen(t), answering(test.raw))
			c := newClient(t, Config{URL: "http://" + s.Addr().String()})
			for range 2 {
				if _, err := c.Call(t.Context(), hold); kind(t, err) != test.kind {
					t.Fatalf("error %v, want %v", err, test.kind)
				}
			}
			want := 2
			if test.reusable {
				want = 1
			}
			if conns, _ := s.counts(); conns != want {
				t.Errorf("%d connections for two calls, want %d", conns, want)
			}
		})
	}
}

// The gateway closes behind an answer that did not say so. The next call must
// see that before it writes.
func TestClosedWhileIdle(t *testing.T) {
	closed := make(chan struct{})
	s := newServer(t, listen(t), func(s *session) {
		s.next()
		io.WriteString(s, ok)
		s.Close()
		closed <- struct{}{}
	})
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	for range 3 {
		if _, err := c.Call(t.Context(), hold); err != nil {
			t.Fatal(err)
		}
		<-closed
	}
	if conns, requests := s.counts(); conns != 3 || requests != 3 {
		t.Errorf("%d connections and %d requests, want 3 and 3", conns, requests)
	}
}

// What arrives on an idle connection answers no request.
func TestUnaskedAnswer(t *testing.T) {
	sent := make(chan struct{})
	s := newServer(t, listen(t), func(s *session) {
		s.next()
		io.WriteString(s, ok)
		io.WriteString(s, ok)
		sent <- struct{}{}
		s.next()
	})
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	for range 2 {
		if _, err := c.Call(t.Context(), hold); err != nil {
			t.Fatal(err)
		}
		<-sent
	}
	if conns, _ := s.counts(); conns != 2 {
		t.Errorf("%d connections for two calls, want 2", conns)
	}
}

// A request that got lost on a connection used before is not sent again.
func TestNoSecondAttempt(t *testing.T) {
	s := newServer(t, listen(t), func(s *session) {
		s.next()
		io.WriteString(s, ok)
		s.next() // and closes without an answer
	})
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	if _, err := c.Call(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(t.Context(), hold); kind(t, err) != Broken {
		t.Errorf("error %v, want %v", err, Broken)
	}
	if conns, requests := s.counts(); conns != 1 || requests != 2 {
		t.Errorf("%d connections and %d requests, want 1 and 2", conns, requests)
	}
}

func TestNobodyListens(t *testing.T) {
	l := listen(t)
	l.Close()
	c := newClient(t, Config{URL: "http://" + l.Addr().String()})
	if _, err := c.Call(t.Context(), hold); kind(t, err) != NotSent {
		t.Errorf("error %v, want %v", err, NotSent)
	}
}

// What would break out of its place in the request is not sent.
func TestUnsafeRequest(t *testing.T) {
	s := newServer(t, listen(t), answering(ok))
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	for _, unsafe := range []string{"a b", "a\r\nX: y", "a\x00", "é"} {
		for _, req := range []Request{
			{Method: "POST", Path: unsafe, GUID: "g"},
			{Method: "POST", Path: "p", GUID: unsafe},
			{Method: "POST", Path: "p", ServiceToken: unsafe},
		} {
			if _, err := c.Call(t.Context(), req); kind(t, err) != NotSent {
				t.Errorf("%+v: error %v, want %v", req, err, NotSent)
			}
		}
	}
	if _, err := c.Call(t.Context(), Request{Method: "POST", GUID: "g"}); kind(t, err) != NotSent {
		t.Errorf("no path: error %v, want %v", err, NotSent)
	}
	if conns, _ := s.counts(); conns != 0 {
		t.Errorf("%d connections, want none", conns)
	}
}

func TestNew(t *testing.T) {
	for _, url := range []string{"", "gateway:8043", "ftp://gateway", "https://", "https://u:p@gateway", "https://gateway/x", "https://gateway?x=y", "https://gateway#x", "https://gate way", "://"} {
		if _, err := New(Config{URL: url, Timeout: time.Second}); err == nil {
			t.Errorf("no error for the URL %q", url)
		}
	}
	if _, err := New(Config{URL: "https://gateway", Timeout: time.Second, Nodes: map[string]string{"A": "node:1"}}); err == nil {
		t.Error("no error for the URL of a node")
	}
	if _, err := New(Config{URL: "https://gateway"}); err == nil {
		t.Error("no error without a timeout")
	}
	for url, address := range map[string]string{
		"https://gateway": "gateway:443", "http://gateway/": "gateway:80",
		"https://[::1]:8043": "[::1]:8043", "https://[::1]": "[::1]:443",
	} {
		c, err := New(Config{URL: url, Timeout: time.Second})
		if err != nil || c.gateway.address != address {
			t.Errorf("%s is dialled at %v (%v), want %s", url, c, err, address)
		}
	}
}

// The GUID that an answer issues is what stands behind the =, if it can be one.
func TestIssuedGUID(t *testing.T) {
	for header, want := range map[string]string{
		"JSESSIONID=279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0": "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0",
		"JSESSIONID=":                            "",
		"no equal sign":                          "",
		"JSESSIONID=a b":                         "",
		"JSESSIONID=" + strings.Repeat("a", 257): "",
	} {
		l := listen(t)
		newServer(t, l, answering(fmt.Sprintf("HTTP/1.1 200 OK\r\nSet-GUID: %s\r\nContent-Length: %d\r\n\r\n%s", header, len(success), success)))
		reply, err := newClient(t, Config{URL: "http://" + l.Addr().String()}).Call(t.Context(), hold)
		if err != nil || reply.GUID != want {
			t.Errorf("%s: %q, %v", header, reply.GUID, err)
		}
	}
}
