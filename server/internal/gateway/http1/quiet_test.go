//go:build unix

package http1

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// A connection that the server leaves open carries one call after another.
func TestQuiet(t *testing.T) {
	cert, config := certificate(t)
	check := func(name string, c *Conn) {
		for range 3 {
			if got := exchange(t.Context(), c); got.err != nil || !got.reusable || !isQuiet(t, c) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	check("http", open(t, dialLoopback(t, replying(ok)), nil))
	for _, version := range tlsVersions {
		check(tls.VersionName(version), open(t, dialLoopback(t, overTLS(cert, version, replying(ok))), config))
	}
}

// Whatever the server does after a reply makes the connection unusable.
func TestNotQuiet(t *testing.T) {
	for name, act := range map[string]func(net.Conn){
		"closed":            func(c net.Conn) { c.Close() },
		"closed for writes": func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
		"another reply":     func(c net.Conn) { io.WriteString(c, ok) },
	} {
		t.Run(name, func(t *testing.T) {
			next, done := make(chan struct{}), make(chan struct{})
			c := open(t, dialLoopback(t, func(c net.Conn) {
				readRequest(c)
				io.WriteString(c, ok)
				<-next
				act(c)
				close(done)
			}), nil)
			got := exchange(t.Context(), c)
			close(next)
			<-done
			if got.err != nil || !got.reusable {
				t.Fatalf("%+v", got)
			}
			if isQuiet(t, c) {
				t.Error("the connection counts as quiet")
			}
		})
	}
}

// TLS may hold bytes that the socket no longer has: one TCP segment brings the reply and, in
// a TLS record of its own, another reply or the end of the stream.
func TestNotQuietBeneathTLS(t *testing.T) {
	cert, config := certificate(t)
	for name, act := range map[string]func(*tls.Conn){
		"another reply": func(c *tls.Conn) { io.WriteString(c, ok) },
		"closed":        func(c *tls.Conn) { c.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			sent := make(chan struct{})
			c := open(t, dialLoopback(t, func(nc net.Conn) {
				batch := &batchConn{Conn: nc}
				secured := tls.Server(batch, &tls.Config{Certificates: []tls.Certificate{cert}})
				if readRequest(secured) != nil {
					return
				}
				batch.hold = true
				io.WriteString(secured, ok)
				act(secured)
				nc.SetWriteDeadline(time.Time{}) // CloseWrite leaves a deadline in the past
				nc.Write(batch.held)
				close(sent)
			}), config)
			got := exchange(t.Context(), c)
			<-sent
			if got.err != nil {
				t.Fatal(got.err)
			}
			if got.reusable && isQuiet(t, c) {
				t.Error("the connection counts as quiet")
			}
		})
	}
}

// batchConn collects the writes while hold is set.
type batchConn struct {
	net.Conn
	hold bool
	held []byte
}

func (b *batchConn) Write(p []byte) (int, error) {
	if !b.hold {
		return b.Conn.Write(p)
	}
	b.held = append(b.held, p...)
	return len(p), nil
}

// A response that lies in a new connection before the request is none. TLS reads its session
// tickets without taking them for one.
func TestNewConnection(t *testing.T) {
	cert, config := certificate(t)
	write := func(c net.Conn) { io.WriteString(c, ok) }
	closeWrite := func(c net.Conn) { c.(interface{ CloseWrite() error }).CloseWrite() }
	for name, test := range map[string]struct {
		act  func(net.Conn)
		want error
	}{
		"quiet": {func(net.Conn) {}, nil}, "a response": {write, errUnasked}, "closed": {closeWrite, errClosed},
	} {
		for version, config := range map[uint16]*tls.Config{0: nil, tls.VersionTLS12: config, tls.VersionTLS13: config} {
			acted := make(chan struct{})
			serve := func(c net.Conn) {
				if secured, ok := c.(*tls.Conn); ok {
					secured.Handshake()
				}
				test.act(c)
				close(acted)
				readRequest(c)
			}
			if config != nil {
				serve = overTLS(cert, version, serve)
			}
			c := open(t, dialLoopback(t, serve), config)
			<-acted
			if err := c.CheckQuiet(); err != test.want {
				t.Errorf("%s, TLS %x: %v, want %v", name, version, err, test.want)
			}
		}
	}
}

// A deadline that has passed, such as that of an earlier call, neither makes a quiet
// connection look closed, nor hides what the server has sent.
func TestQuietAfterDeadline(t *testing.T) {
	cert, config := certificate(t)
	sent := make(chan struct{})
	serve := func(c net.Conn) {
		for range 2 {
			readRequest(c)
			io.WriteString(c, ok)
		}
		<-sent
		io.WriteString(c, ok)
		sent <- struct{}{}
	}
	for name, c := range map[string]*Conn{
		"http":  open(t, dialLoopback(t, serve), nil),
		"https": open(t, dialLoopback(t, overTLS(cert, tls.VersionTLS13, serve)), config),
	} {
		for range 2 {
			if got := exchange(t.Context(), c); got.err != nil || !got.reusable {
				t.Fatalf("%s: %+v", name, got)
			}
			c.Begin(t.Context(), time.Unix(1, 0))
			if err := c.CheckQuiet(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			c.End()
		}
		sent <- struct{}{}
		<-sent
		c.Begin(t.Context(), time.Unix(1, 0))
		if err := c.CheckQuiet(); err != errUnasked {
			t.Errorf("%s: %v, want %v", name, err, errUnasked)
		}
		c.End()
	}
}
