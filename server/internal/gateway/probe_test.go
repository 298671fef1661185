package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Probe closes its connection in order and sends nothing on it.
func TestProbe(t *testing.T) {
	cert, roots := certificate(t)
	for name, config := range map[string]*tls.Config{
		"http":    nil,
		"TLS 1.2": {Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12},
		"TLS 1.3": {Certificates: []tls.Certificate{cert}},
	} {
		t.Run(name, func(t *testing.T) {
			l, url := listen(t), "http://"
			if config != nil {
				l, url = tls.NewListener(l, config), "https://"
			}
			ended := make(chan error, 1)
			s := newServer(t, l, func(s *session) {
				_, err := s.r.ReadByte()
				ended <- err
			})
			c := newClient(t, Options{URL: url + s.Addr().String(), TLS: trusting(roots)})
			if _, err := c.Probe(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != io.EOF {
				t.Errorf("the gateway's connection ended with %v", err)
			}
		})
	}
}

// Probe fails where a call would fail before it sends anything, and where the gateway rejects
// the client after the handshake.
func TestProbeFails(t *testing.T) {
	cert, roots := certificate(t)
	gone := listen(t)
	gone.Close()
	s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}), replying(ok))
	demanding := newServer(t, listenTLS(t, &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert,
	}), replying(ok))
	for name, options := range map[string]Options{
		"refused":                {URL: "http://" + gone.Addr().String()},
		"unknown CA":             {URL: "https://" + s.Addr().String(), TLS: trusting(x509.NewCertPool())},
		"no certificate to show": {URL: "https://" + demanding.Addr().String(), TLS: trusting(roots)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := newClient(t, options).Probe(t.Context()); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestProbeNodes(t *testing.T) {
	s := newServer(t, listen(t), replying(ok))
	gone := listen(t)
	gone.Close()
	c := newClient(t, Options{URL: "http://" + gone.Addr().String(), Nodes: map[string]string{
		"up": "http://" + s.Addr().String(), "down": "http://" + gone.Addr().String(),
	}})
	nodes, gateway := c.Probe(t.Context())
	if gateway == nil || len(nodes) != 2 || nodes["up"] != nil || nodes["down"] == nil {
		t.Errorf("the gateway: %v; its nodes: %v", gateway, nodes)
	}
	// Connections are accepted in order: a reply to this call proves that the probe's was accepted.
	if _, err := c.Send(t.Context(), Request{Method: "POST", Path: "p", GUID: "g.up"}).Reply(); err != nil {
		t.Error(err)
	}
	if conns, requests := s.counts(); conns != 2 || requests != 1 {
		t.Errorf("%d connections and %d requests, want 2 and 1", conns, requests)
	}
}

// Probe takes at most probeTimeout. A gateway that completes the handshake and then does not
// close its side counts as reached.
func TestProbeWaits(t *testing.T) {
	cert, roots := certificate(t)
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	staysOpen := func(c net.Conn) {
		secured := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
		if err := secured.Handshake(); err != nil {
			t.Error(err)
		}
		io.Copy(io.Discard, c)
	}
	for name, test := range map[string]struct {
		serve   func(net.Conn)
		reached bool
	}{"silent": {silent, false}, "staying open": {staysOpen, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Options{URL: "https://example.com", TLS: trusting(roots), Dial: pipes(t, test.serve)})
				start := time.Now()
				if _, err := c.Probe(t.Context()); (err == nil) != test.reached || time.Since(start) != probeTimeout {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// Any envelope is the answer of a gateway, whatever its retcode and status. Nothing else is.
func TestAsk(t *testing.T) {
	for reply, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"retcode\":\"000-003\"}": "",
		"HTTP/1.1 401 No\r\nContent-Length: 21\r\n\r\n{\"retcode\":\"100-006\"}": "",
		"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"retcode\":\"0\"}":       "",
		"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>":             "looks like an HTML page",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}":                  "HTTP status 404",
	} {
		requests := make(chan *http.Request, 1)
		s := newServer(t, listen(t), func(s *session) {
			r, err := http.ReadRequest(s.r)
			if err != nil {
				t.Error(err)
				return
			}
			requests <- r
			io.WriteString(s, reply)
		})
		c := newClient(t, Options{URL: "http://" + s.Addr().String()})
		_, err := c.Ask(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", reply, err, want)
		}
		if r := <-requests; r.Method != "GET" || r.Header.Get("Guid") != "" {
			t.Errorf("the request is a %s with GUID %q", r.Method, r.Header.Get("Guid"))
		}
	}
}

// A panic of a probe is an error of its node, and is recovered by the function of the options.
func TestProbePanics(t *testing.T) {
	task := ""
	c := newClient(t, Options{
		URL:     "https://" + listen(t).Addr().String(),
		TLS:     func() *tls.Config { panic("a fault") },
		Recover: func(name string) { recover(); task = name },
	})
	if _, err := c.Probe(t.Context()); err == nil || task != "probe" {
		t.Errorf("error %v, recovered %q", err, task)
	}
}
