package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"agentconf/internal/leaktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	success     = `{"message":"success","retcode":"0","result":{}}`
	wantedField = "Set-GUID"

	// timeout is the time of a call in these tests. Most tests end long before it.
	timeout = time.Minute
)

// ok is a reply after which the server keeps the connection.
var ok = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(success), success)

// request is longer than the 100 bytes that some servers of these tests read.
var request = []byte("POST / HTTP/1.1\r\nHost: server.test\r\nX: " + strings.Repeat("x", 100) +
	"\r\nContent-Length: 2\r\n\r\n{}")

// pipe returns a connection in memory, and runs serve with its other end.
func pipe(t *testing.T, serve func(net.Conn)) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	run(t, serve, near, far)
	return near
}

// dialLoopback returns a TCP connection, and runs serve with its other end.
func dialLoopback(t *testing.T, serve func(net.Conn)) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	run(t, serve, near, far)
	return near
}

// run runs serve with far until the test closes both ends.
func run(t *testing.T, serve func(net.Conn), near, far net.Conn) {
	leaktest.Check(t)
	var done sync.WaitGroup
	done.Go(func() { serve(far) })
	t.Cleanup(func() {
		near.Close()
		far.Close()
		done.Wait()
	})
}

func open(t *testing.T, nc net.Conn, config *tls.Config) *Conn {
	t.Helper()
	c, err := Open(t.Context(), nc, config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// outcome is the result of an exchange.
type outcome struct {
	Response
	written, reusable bool
	err               error
}

// exchange makes a call that may take timeout.
func exchange(ctx context.Context, c *Conn) outcome { return exchangeAwaiting(ctx, c, false) }

// exchangeAwaiting is exchange, with Await before Receive if await is set.
func exchangeAwaiting(ctx context.Context, c *Conn, await bool) (o outcome) {
	c.Begin(ctx, time.Now().Add(timeout))
	if o.written, o.err = c.Send(request); o.err == nil {
		if await {
			c.Await()
		}
		o.Response, o.err = c.Receive(wantedField)
	}
	o.reusable = c.End()
	return o
}

// isQuiet reports whether a further call on c could send a request.
func isQuiet(t *testing.T, c *Conn) bool {
	c.Begin(t.Context(), time.Now().Add(timeout))
	defer c.End()
	return c.CheckQuiet() == nil
}

func readRequest(r io.Reader) error {
	req, err := http.ReadRequest(bufio.NewReader(r))
	if err == nil {
		_, err = io.Copy(io.Discard, req.Body)
	}
	return err
}

// replying returns a server that sends reply to every request.
func replying(reply string) func(net.Conn) {
	return func(c net.Conn) {
		for readRequest(c) == nil {
			io.WriteString(c, reply)
		}
	}
}

// certificate returns a certificate for example.com and the configuration of a client that
// trusts it.
func certificate(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.TLS.Certificates[0], &tls.Config{RootCAs: roots, ServerName: "example.com"}
}

// overTLS returns a server that runs serve inside TLS of at most the version.
func overTLS(cert tls.Certificate, version uint16, serve func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		serve(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version}))
	}
}

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// A connection whose handshake fails is closed.
func TestOpenClosesOnFailure(t *testing.T) {
	cert, config := certificate(t)
	for name, c := range map[string]*tls.Config{
		"unknown CA":   {RootCAs: x509.NewCertPool(), ServerName: "example.com"},
		"another host": {RootCAs: config.RootCAs, ServerName: "server.test"},
	} {
		t.Run(name, func(t *testing.T) {
			nc := dialLoopback(t, overTLS(cert, tls.VersionTLS13, func(c net.Conn) { c.Read(nil) }))
			if _, err := Open(t.Context(), nc, c); err == nil {
				t.Error("no error")
			}
			if err := nc.Close(); err == nil {
				t.Error("the connection was still open")
			}
		})
	}
}

// CloseTLS lets the server read the end of the stream instead of a reset.
func TestCloseTLS(t *testing.T) {
	cert, config := certificate(t)
	for _, version := range tlsVersions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			ended := make(chan error, 1)
			c := open(t, dialLoopback(t, overTLS(cert, version, func(c net.Conn) {
				_, err := c.Read(make([]byte, 1))
				ended <- err
				c.Close()
			})), config)
			if err := c.CloseTLS(); err != nil {
				t.Error(err)
			}
			c.Close()
			if err := <-ended; err != io.EOF {
				t.Errorf("the server's connection ended with %v", err)
			}
		})
	}
}

// A server that accepts the handshake of TLS 1.3 and then rejects the client is an error.
func TestCloseTLSReportsRejection(t *testing.T) {
	cert, config := certificate(t)
	c := open(t, dialLoopback(t, func(c net.Conn) {
		tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}).Handshake()
	}), config)
	if err := c.CloseTLS(); err == nil {
		t.Error("no error")
	}
}
