package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	for _, url := range []string{"", "gateway:8043", "ftp://gateway", "https://", "https://u:p@gateway", "https://gateway/x", "https://gateway?x=y", "https://gateway#x", "https://gate way", "://"} {
		if _, err := New(Options{URL: url, Timeout: time.Second}); err == nil {
			t.Errorf("no error for the URL %q", url)
		}
	}
	if _, err := New(Options{URL: "https://gateway", Timeout: time.Second, Nodes: map[string]string{"A": "node:1"}}); err == nil {
		t.Error("no error for the URL of a node")
	}
	if _, err := New(Options{URL: "https://gateway"}); err == nil {
		t.Error("no error without a timeout")
	}
	for url, address := range map[string]string{
		"https://gateway": "gateway:443", "http://gateway/": "gateway:80",
		"https://[::1]:8043": "[::1]:8043", "https://[::1]": "[::1]:443",
	} {
		c, err := New(Options{URL: url, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.endpointFor("").address; got != address {
			t.Errorf("the address of %s is %s, want %s", url, got, address)
		}
	}
}

func TestCallReusesConnection(t *testing.T) {
	s := newServer(t, listen(t), replying(ok))
	c := newClient(t, Options{URL: s.url()})
	for range 3 {
		if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
			t.Fatal(err)
		}
	}
	if conns, requests := s.counts(); conns != 1 || requests != 3 {
		t.Errorf("%d connections for %d requests, want 1 for 3", conns, requests)
	}
	if got, want := c.Connections(), (Connections{Opened: 1, Reused: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A panic of a dial is an error of a call that was not sent, and is recovered by the function of
// the options.
func TestDialPanics(t *testing.T) {
	task := ""
	c := newClient(t, Options{
		URL:     "http://gateway.test",
		Dial:    func(context.Context, string, string) (net.Conn, error) { panic("a fault") },
		Recover: func(name string) { recover(); task = name },
	})
	_, err := c.Send(t.Context(), hold).Reply()
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != NotSent || task != "dial" {
		t.Errorf("error %v, recovered %q, want one of a call that was not sent, and the dial", err, task)
	}
}

// A call goes to the node that issued its GUID, and without such a node to the gateway.
func TestNodes(t *testing.T) {
	gateway, first, second := newServer(t, listen(t), replying(ok)), newServer(t, listen(t), replying(ok)), newServer(t, listen(t), replying(ok))
	c := newClient(t, Options{URL: gateway.url(), Nodes: map[string]string{
		"AgentGateway1": first.url(), "AgentGateway2": second.url(),
	}})
	for guid, want := range map[string]*server{
		"a.AgentGateway1": first, "a.b.AgentGateway2": second, "a.AgentGateway3": gateway,
		"a.agentgateway1": gateway, "a.AgentGateway1.": gateway, "a": gateway, "": gateway,
	} {
		_, before := want.counts()
		req := hold
		req.GUID = guid
		if _, err := c.Send(t.Context(), req).Reply(); err != nil {
			t.Error(err)
		}
		if _, after := want.counts(); after != before+1 {
			t.Errorf("%s went to another address", guid)
		}
	}
	if got := c.Connections().Opened; got != 3 {
		t.Errorf("%d connections opened, want 3", got)
	}
}

// A proxy from the environment would see the GUID.
func TestCallIgnoresProxies(t *testing.T) {
	proxy := newServer(t, listen(t), func(*session) { t.Error("the client connected to the proxy") })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, proxy.url())
	}
	s := newServer(t, listen(t), replying(ok))
	c := newClient(t, Options{URL: s.url()})
	if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
		t.Fatal(err)
	}
}

// A reply that is not an envelope in HTTP is Broken. The connection is reused if the reply
// has a certain end.
func TestReplies(t *testing.T) {
	refusal := `{"message":"no","retcode":"100-001"}`
	tests := []struct {
		name, raw string
		kind      Kind // 0 means success
		reused    bool
	}{
		{"plain", ok, 0, true},
		{"chunked", chunked, 0, true},
		{"to be closed", strings.Replace(ok, "\r\n", "\r\nConnection: close\r\n", 1), 0, false},
		{"refusal", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(refusal), refusal), Refused, true},
		{"refusal with another status", fmt.Sprintf("HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%s", len(refusal), refusal), Refused, true},
		{"half a refusal with another status", fmt.Sprintf("HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%s", len(refusal)-1, refusal[1:]), Broken, true},
		{"error status", strings.Replace(ok, "200 OK", "500 Error", 1), Broken, true},
		{"created", strings.Replace(ok, "200 OK", "201 Created", 1), Broken, true},
		{"partial content", strings.Replace(ok, "200 OK", "206 Partial Content", 1), Broken, true},
		{"reset content", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", Broken, true},
		{"not modified", "HTTP/1.1 304 Not Modified\r\n\r\n", Broken, true},
		{"redirect", strings.Replace(ok, "200 OK\r\n", "307 Temporary Redirect\r\nLocation: /x\r\n", 1), Broken, true},
		{"no envelope", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Broken, true},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", Broken, true},
		{"no content, with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", Broken, false},
		{"no content, chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", Broken, false},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", Broken, false},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", Broken, false},
		{"over the limit", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 1<<20, successBody+strings.Repeat(" ", 1<<20)), Broken, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, listen(t), replying(test.raw))
			c := newClient(t, Options{URL: s.url()})
			for range 2 {
				if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != test.kind {
					t.Fatalf("error %v, want %v", err, test.kind)
				}
			}
			want := 2
			if test.reused {
				want = 1
			}
			if conns, _ := s.counts(); conns != want {
				t.Errorf("%d connections for two calls, want %d", conns, want)
			}
		})
	}
}

// A refusal may have a new GUID, too.
func TestRefusalWithGUID(t *testing.T) {
	const refusal = `{"message":"no","retcode":"100-001"}`
	s := newServer(t, listen(t), replying(fmt.Sprintf("HTTP/1.1 500 Error\r\nSet-GUID: JSESSIONID=g\r\nContent-Length: %d\r\n\r\n%s", len(refusal), refusal)))
	reply, err := newClient(t, Options{URL: s.url()}).Send(t.Context(), hold).Reply()
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Refused || e.Retcode != "100-001" || reply.GUID != "g" {
		t.Errorf("%+v, %+v", reply, err)
	}
}

// The cause of a reply that is no envelope says so if it looks like TLS or HTML.
func TestCauseOfAnotherProtocol(t *testing.T) {
	page := func(status, body string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	for raw, want := range map[string]string{
		page("502 Bad Gateway", "\ufeff\r\n<!DOCTYPE html><p>secret</p>"): "HTTP status 502; the reply looks like an HTML page",
		page("200 OK", "<html>secret</html>"):                             "the reply looks like an HTML page",
		"<html>secret</html>":                                             "the reply looks like an HTML page",
		"\x15\x03\x01\x00\x02\x02\x46":                                    "the reply looks like TLS",
	} {
		s := newServer(t, listen(t), func(s *session) {
			s.next()
			io.WriteString(s, raw)
		})
		_, err := newClient(t, Options{URL: s.url()}).Send(t.Context(), hold).Reply()
		if kind(t, err) != Broken || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %s", raw, err, want)
		}
	}
}

// Calls share buffers and connections. No call sees data of another, and no reply changes
// after its call.
func TestCallsShareNoData(t *testing.T) {
	s := newServer(t, listen(t), echo)
	c := newClient(t, Options{URL: s.url()})
	var callers sync.WaitGroup
	for caller := range 20 {
		callers.Go(func() {
			var replies []Reply
			var want []string
			for i := range 100 {
				text := fmt.Sprintf("%d.%d.%s", caller, i, strings.Repeat("x", i*caller%200))
				reply, err := c.Send(t.Context(), Request{Method: "POST", Path: "p", GUID: text, Body: text}).Reply()
				if err != nil {
					t.Error(err)
					return
				}
				replies, want = append(replies, reply), append(want, text)
			}
			for i, reply := range replies {
				if string(reply.Result) != `"`+want[i]+`"` || reply.Message != want[i] || reply.GUID != want[i] {
					t.Errorf("%+v, want %s", reply, want[i])
				}
			}
		})
	}
	callers.Wait()
}

// A reply of any size leaves the connection reusable, with and without TLS.
func TestLargeReplies(t *testing.T) {
	cert, roots := certificate(t)
	secured, plain := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}), echo), newServer(t, listen(t), echo)
	for scheme, s := range map[string]*server{"https": secured, "http": plain} {
		c := newClient(t, Options{URL: scheme + "://" + s.Addr().String(), TLS: trusting(roots)})
		for _, size := range []int{0, 1, 3900, 4096, 8192, 16 << 10, 100 << 10, 1<<20 - 1<<10} {
			text := strings.Repeat("x", size)
			reply, err := c.Send(t.Context(), Request{Method: "POST", Path: "p", GUID: "g", Body: text}).Reply()
			if err != nil || string(reply.Result) != `"`+text+`"` {
				t.Fatalf("%s, %d bytes: %d, %v", scheme, size, len(reply.Result), err)
			}
		}
		if conns, _ := s.counts(); conns != 1 {
			t.Errorf("%s: %d connections, want 1", scheme, conns)
		}
	}
}
