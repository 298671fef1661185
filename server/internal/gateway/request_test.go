package gateway

import (
	"io"
	"net"
	"testing"
)

// The request has the bytes that page 0473 shows, and is sent in one write.
func TestRequest(t *testing.T) {
	tests := []struct {
		req  Request
		want string
	}{
		{Request{Method: "POST", Path: "agentconf/1287/holdparticipant", GUID: "g.N", Body: map[string]string{"address": "<&>"}},
			"POST /agentgateway/resource/agentconf/1287/holdparticipant HTTP/1.1\r\nHost: gateway.test:8043\r\n" +
				"Content-Type: application/json; charset=UTF-8\r\nGuid: g.N\r\nContent-Length: 32\r\n\r\n" + `{"address":"\u003c\u0026\u003e"}`},
		{Request{Method: "GET", Path: "agentevent/1287", ServiceToken: "t", Cookie: "loadbalance=é; b=2"},
			"GET /agentgateway/resource/agentevent/1287 HTTP/1.1\r\nHost: gateway.test:8043\r\n" +
				"Content-Type: application/json; charset=UTF-8\r\nservice_token: t\r\nCookie: loadbalance=é; b=2\r\nContent-Length: 0\r\n\r\n"},
	}
	for _, test := range tests {
		write := make(chan string, 1)
		c := newClient(t, Options{URL: "http://gateway.test:8043", Dial: pipes(t, func(c net.Conn) {
			defer c.Close()
			buffer := make([]byte, 4096)
			n, _ := c.Read(buffer) // of a pipe returns the bytes of one write
			write <- string(buffer[:n])
			io.WriteString(c, ok)
		})})
		if _, err := c.Send(t.Context(), test.req).Reply(); err != nil {
			t.Fatal(err)
		}
		if got := <-write; got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// A value that would end its line of the request is not sent.
func TestUnsafeRequest(t *testing.T) {
	s := newServer(t, listen(t), replying(ok))
	c := newClient(t, Options{URL: s.url()})
	for _, unsafe := range []string{"a b", "a\r\nX: y", "a\x00", "é"} {
		for _, req := range []Request{
			{Method: "POST", Path: unsafe, GUID: "g"},
			{Method: "POST", Path: "p", GUID: unsafe},
			{Method: "POST", Path: "p", ServiceToken: unsafe},
			{Method: "POST", Path: "p", TraceParent: unsafe},
		} {
			if _, err := c.Send(t.Context(), req).Reply(); kind(t, err) != NotSent {
				t.Errorf("%+v: error %v, want %v", req, err, NotSent)
			}
		}
	}
	if _, err := c.Send(t.Context(), Request{Method: "POST", Path: "p", Cookie: "a\r\nX: y"}).Reply(); kind(t, err) != NotSent {
		t.Errorf("a cookie with a line break: error %v, want %v", err, NotSent)
	}
	if _, err := c.Send(t.Context(), Request{Method: "POST", GUID: "g"}).Reply(); kind(t, err) != NotSent {
		t.Errorf("no path: error %v, want %v", err, NotSent)
	}
	if conns, _ := s.counts(); conns != 0 {
		t.Errorf("%d connections, want none", conns)
	}
}
