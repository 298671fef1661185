package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"agentconf/internal/leaktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const successBody = `{"message":"success","retcode":"0","result":{}}`

// ok is a reply after which the gateway keeps the connection.
var ok = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(successBody), successBody)

var hold = Request{
	Method: "POST",
	Path:   "agentconf/1287/holdparticipant",
	GUID:   "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0",
	Body:   map[string]string{"address": "88887946"},
}

// newClient returns a client that the test closes. Its calls may take 5 s, unless options
// has another timeout.
func newClient(t testing.TB, options Options) *Client {
	t.Helper()
	leaktest.Check(t)
	if options.Timeout == 0 {
		options.Timeout = 5 * time.Second
	}
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// kind returns the Kind of err, or 0 if err is nil.
func kind(t testing.TB, err error) Kind {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%T is no *Error: %v", err, err)
	}
	return e.Kind
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func listenTLS(t testing.TB, config *tls.Config) net.Listener {
	return tls.NewListener(listen(t), config)
}

// certificate returns a certificate for 127.0.0.1 and example.com, and the roots that
// verify it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.TLS.Certificates[0], roots
}

func trusting(roots *x509.CertPool) func() *tls.Config {
	return func() *tls.Config { return &tls.Config{RootCAs: roots} }
}

// server runs serve for every connection to its listener until the test ends. It closes a
// connection when serve returns, and counts connections and requests.
type server struct {
	net.Listener
	serve func(*session)

	mu       sync.Mutex // guards the fields below
	conns    []net.Conn
	requests int
}

// session is the gateway's side of one connection.
type session struct {
	net.Conn
	server *server
	r      *bufio.Reader
}

func newServer(t *testing.T, l net.Listener, serve func(*session)) *server {
	t.Helper()
	leaktest.Check(t)
	s := &server{Listener: l, serve: serve}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			done.Go(func() {
				defer c.Close()
				serve(&session{c, s, bufio.NewReader(c)})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		done.Wait()
	})
	return s
}

// url returns the http URL of s.
func (s *server) url() string { return "http://" + s.Addr().String() }

// counts returns how many connections were accepted and requests read.
func (s *server) counts() (conns, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), s.requests
}

// next reads a request and reports whether there was one.
func (s *session) next() bool {
	req, err := http.ReadRequest(s.r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.requests++
	return true
}

// replying sends reply to every request.
func replying(reply string) func(*session) {
	return func(s *session) {
		for s.next() {
			if _, err := io.WriteString(s, reply); err != nil {
				return
			}
		}
	}
}

// echo replies to every request with its body as result, and with its GUID as message and
// as the issued GUID.
func echo(s *session) {
	for {
		req, err := http.ReadRequest(s.r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		guid := req.Header.Get("Guid")
		envelope := fmt.Sprintf(`{"message":"%s","retcode":"0","result":%s}`, guid, body)
		fmt.Fprintf(s, "HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=%s\r\nContent-Length: %d\r\n\r\n%s", guid, len(envelope), envelope)
	}
}

// pipes returns a dial function whose connections are in memory. For each it runs serve
// with the other end.
func pipes(t *testing.T, serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	leaktest.Check(t)
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		done.Go(func() { serve(far) })
		return near, nil
	}
}
