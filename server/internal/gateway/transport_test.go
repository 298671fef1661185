package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/leaktest"
)

const testStall = 15 * time.Second

func newTransport(t *testing.T, options Options) *Transport {
	t.Helper()
	transport := NewTransport(newClient(t, options), testStall)
	t.Cleanup(transport.Close)
	return transport
}

func newProxiedRequest(t *testing.T, ctx context.Context, method, body string, header ...string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, "/agentgateway/resource/voicecall/1287/alerting", reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// roundTrip returns the body of the response, or the error.
func roundTrip(transport *Transport, r *http.Request) (string, error) {
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// net/http repeats some requests on a connection that the server closes after the request was
// written. Transport never does: the gateway may have executed the first one.
func TestTransportSendsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		method, body string
		header       []string
	}{
		"GET":                         {method: "GET"},
		"HEAD":                        {method: "HEAD"},
		"OPTIONS":                     {method: "OPTIONS"},
		"DELETE":                      {method: "DELETE"},
		"POST":                        {method: "POST", body: "{}"},
		"POST with Idempotency-Key":   {method: "POST", header: []string{"Idempotency-Key", "7"}},
		"PUT with X-Idempotency-Key":  {method: "PUT", body: "{}", header: []string{"X-Idempotency-Key", "7"}},
		"a method of nobody":          {method: "VOICE"},
		"GET with an empty value key": {method: "GET", header: []string{"Idempotency-Key", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, listen(t), func(s *session) {
				if s.next() {
					io.WriteString(s, "HTTP/1.1 204 No Content\r\n\r\n")
					s.next()
				}
			})
			transport := newTransport(t, Options{URL: s.url()})
			if _, err := roundTrip(transport, newProxiedRequest(t, t.Context(), c.method, c.body, c.header...)); err != nil {
				t.Fatal(err)
			}
			_, err := roundTrip(transport, newProxiedRequest(t, t.Context(), c.method, c.body, c.header...))
			if got := kind(t, err); got != Broken {
				t.Errorf("got %v, want %v", err, Broken)
			}
			if conns, requests := s.counts(); conns != 1 || requests != 2 {
				t.Errorf("got %d requests on %d connections, want 2 on 1", requests, conns)
			}
		})
	}
}

// The kind of an error says whether a byte of the request can have been written.
func TestTransportKinds(t *testing.T) {
	tests := map[string]struct {
		serve  func(net.Conn) // nil refuses the connection
		cancel bool           // after the request was received
		want   Kind
		cause  error
	}{
		"refused":  {nil, false, NotSent, errRefused},
		"closed":   {func(c net.Conn) { readHead(c); c.Close() }, false, Broken, errBroken},
		"no HTTP":  {func(c net.Conn) { readHead(c); io.WriteString(c, "88887946\r\n\r\n"); c.Close() }, false, Broken, errBroken},
		"stalled":  {func(c net.Conn) { readHead(c); io.Copy(io.Discard, c) }, false, TimedOut, errStalled},
		"canceled": {func(c net.Conn) { readHead(c); io.Copy(io.Discard, c) }, true, Broken, context.Canceled},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				received := make(chan bool, 1)
				dial := pipes(t, func(conn net.Conn) { c.serve(notifying{conn, received}) })
				if c.serve == nil {
					dial = func(context.Context, string, string) (net.Conn, error) { return nil, errRefused }
				}
				transport := newTransport(t, Options{URL: "http://gateway.test", Dial: dial})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.cancel {
					go func() { <-received; cancel() }()
				}
				_, err := roundTrip(transport, newProxiedRequest(t, ctx, "POST", "{}"))
				if got := kind(t, err); got != c.want || !errors.Is(err, c.cause) {
					t.Errorf("got %v, want %v: %v", err, c.want, c.cause)
				}
				if strings.Contains(err.Error(), "88887946") {
					t.Errorf("got %v, which repeats the response", err)
				}
			})
		})
	}
}

var errRefused = errors.New("connection refused")

// notifying sends on received when the first bytes were read.
type notifying struct {
	net.Conn
	received chan<- bool
}

func (n notifying) Read(p []byte) (int, error) {
	read, err := n.Conn.Read(p)
	select {
	case n.received <- true:
	default:
	}
	return read, err
}

func readHead(c net.Conn) { c.Read(make([]byte, 4096)) }

// A caller that cancels before there is a connection has surely sent nothing.
func TestTransportCancelledBeforeSent(t *testing.T) {
	leaktest.Check(t)
	dialing := make(chan bool)
	transport := newTransport(t, Options{URL: "http://gateway.test", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialing)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-dialing; cancel() }()
	_, err := roundTrip(transport, newProxiedRequest(t, ctx, "GET", ""))
	if kind(t, err) != NotSent || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v: %v", err, NotSent, context.Canceled)
	}
}

// A caller that sends only a part of its body is at fault, not the gateway.
func TestTransportIncompleteBody(t *testing.T) {
	s := newServer(t, listen(t), replying(ok))
	transport := newTransport(t, Options{URL: s.url()})
	r := newProxiedRequest(t, t.Context(), "POST", "")
	r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenReader{})), 100
	_, err := roundTrip(transport, r)
	if kind(t, err) != Broken || !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v, want %v: %v", err, Broken, ErrIncomplete)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The transport and the client of a gateway share a breaker: failures of one of them stop
// the attempts of the other.
func TestTransportSharesBreaker(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, errRefused }
	transport := newTransport(t, Options{
		URL: "http://gateway.test", Dial: refuse, Breaker: Breaker{Failures: 2, Open: time.Minute},
	})
	for _, want := range []error{errRefused, errRefused, CircuitOpen{time.Minute}} {
		_, err := roundTrip(transport, newProxiedRequest(t, t.Context(), "GET", ""))
		if kind(t, err) != NotSent || !errors.Is(err, want) {
			t.Errorf("got %v, want %v: %v", err, NotSent, want)
		}
	}
	if _, err := transport.client.Send(t.Context(), hold).Reply(); !errors.Is(err, CircuitOpen{time.Minute}) {
		t.Errorf("Call: got %v, want %v", err, CircuitOpen{time.Minute})
	}
}

// The transport verifies the gateway's certificate as the client does.
func TestTransportTLS(t *testing.T) {
	issued, roots := certificate(t)
	s := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{issued}}), replying(ok))
	url := "https://" + s.Addr().String()
	trusted := newTransport(t, Options{URL: url, TLS: trusting(roots)})
	if body, err := roundTrip(trusted, newProxiedRequest(t, t.Context(), "GET", "")); err != nil || body != successBody {
		t.Errorf("got %q, %v, want %q", body, err, successBody)
	}
	_, err := roundTrip(newTransport(t, Options{URL: url}), newProxiedRequest(t, t.Context(), "GET", ""))
	if kind(t, err) != NotSent || !strings.Contains(err.Error(), "--gateway-ca") {
		t.Errorf("got %v, want %v with the advice to set --gateway-ca", err, NotSent)
	}
}

// A request goes to the node that issued its GUID.
func TestTransportNodes(t *testing.T) {
	first, second := newServer(t, listen(t), replying(ok)), newServer(t, listen(t), replying(ok))
	transport := newTransport(t, Options{URL: first.url(), Nodes: map[string]string{"AgentGateway1": second.url()}})
	for _, guid := range []string{"", "x.AgentGateway0", "x.AgentGateway1"} {
		if _, err := roundTrip(transport, newProxiedRequest(t, t.Context(), "GET", "", "Guid", guid)); err != nil {
			t.Fatal(err)
		}
	}
	_, atFirst := first.counts()
	if _, atSecond := second.counts(); atFirst != 2 || atSecond != 1 {
		t.Errorf("got %d and %d requests, want 2 and 1", atFirst, atSecond)
	}
	if c := transport.client.Connections(); c.Opened != 2 || c.Reused != 1 {
		t.Errorf("got %+v, want 2 opened and 1 reused", c)
	}
}

// A stall in the middle of a response ends it with an error; every byte is progress.
func TestTransportStallInBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := pipes(t, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			for range 5 {
				time.Sleep(testStall - time.Second)
				io.WriteString(c, "x")
			}
			io.Copy(io.Discard, c)
		})
		transport := newTransport(t, Options{URL: "http://gateway.test", Dial: dial})
		body, err := roundTrip(transport, newProxiedRequest(t, t.Context(), "GET", ""))
		if body != "xxxxx" || err == nil {
			t.Errorf("got %q, %v, want xxxxx and an error", body, err)
		}
	})
}

// No write can follow seal, whose count is therefore final.
func TestSealedConn(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := &sealedConn{Conn: near}
	go io.Copy(io.Discard, far)
	c.Write([]byte("x"))
	if n := c.seal(); n != 1 {
		t.Errorf("got %d writes, want 1", n)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}
