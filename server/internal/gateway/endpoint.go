package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"agentconf/server/internal/gateway/http1"
)

// resourceRoot is the path of the agent interface (page 0467).
const resourceRoot = "/agentgateway/resource/"

// endpoint is one address of the gateway or of a node.
type endpoint struct {
	address string // host:port
	host    string // value of the header Host
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     func() *tls.Config // returns the configuration of a handshake, nil for http
	head    string             // the part of a request's head that never changes; it follows the path
	recover func(task string)  // deferred by the goroutine of a dial
	idle    pool
	breaker breaker

	opened, reused atomic.Int64
	certificateEnd atomic.Pointer[time.Time] // of the last handshake
}

// newEndpoint returns an endpoint without connections. Its head has what every request to
// it has in common, so that a call only copies it.
func newEndpoint(options Options, rawURL string) (*endpoint, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	port := "80"
	if u.Scheme == "https" {
		port = "443"
	}
	e := &endpoint{
		address: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)),
		host:    u.Host,
		dial:    options.Dial,
		head: " HTTP/1.1\r\n" +
			"Host: " + u.Host + "\r\n" +
			"Content-Type: application/json; charset=UTF-8\r\n",
		recover: options.Recover,
		breaker: breaker{limits: options.Breaker},
	}
	if e.recover == nil {
		e.recover = func(string) {}
	}
	e.tls = e.recordingEnd(options.tlsConfig(u))
	if e.dial == nil {
		e.dial = new(net.Dialer).DialContext
	}
	return e, nil
}

// ParseURL parses a gateway's URL. It rejects a URL of which the client would ignore a
// part.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must begin with https:// (or http://)")
	case u.Hostname() == "":
		return nil, errors.New("names no host")
	case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("must end after host and port")
	}
	return u, nil
}

// open opens a connection on a goroutine of its own, and begins a call on it. The handshake of
// TLS needs twice the stack of a call. The caller would keep that stack for as long as it waits:
// Go shrinks no stack of which more than a quarter is in use.
func (e *endpoint) open(ctx context.Context, deadline time.Time) (c *http1.Conn, err error) {
	err = errPanicked
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		defer e.recover("dial")
		c, err = e.dialQuiet(ctx, deadline)
	}()
	<-opened
	if err != nil {
		return nil, err
	}
	c.Begin(ctx, deadline)
	e.opened.Add(1)
	return c, nil
}

// dialQuiet returns a connection on which the server has sent nothing yet.
func (e *endpoint) dialQuiet(ctx context.Context, deadline time.Time) (*http1.Conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	nc, err := e.dial(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	c, err := http1.Open(ctx, nc, e.tls())
	if err != nil {
		return nil, explainHandshake(err)
	}
	if err := c.CheckQuiet(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
