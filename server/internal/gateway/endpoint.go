package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

// resourceRoot is where the agent interface begins (page 0467).
const resourceRoot = "/agentgateway/resource/"

// endpoint is one address at which the gateway, or a node of it, is called.
type endpoint struct {
	address string // to dial
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     func() *tls.Config // makes the configuration of a handshake; nil for http
	head    string             // what of a request is always the same, from behind its path
	idle    pool
	breaker breaker

	opened, reused atomic.Int64
}

func (e *endpoint) connections() Connections { return Connections{e.opened.Load(), e.reused.Load()} }

func newEndpoint(config Config, rawURL string) (*endpoint, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	e := &endpoint{dial: config.Dial, breaker: newBreaker(config.Breaker), head: " HTTP/1.1\r\n" +
		"Host: " + u.Host + "\r\n" +
		"Content-Type: application/json; charset=UTF-8\r\n"}
	if e.dial == nil {
		e.dial = new(net.Dialer).DialContext
	}
	port := u.Port()
	if u.Scheme == "https" {
		port = cmp.Or(port, "443")
		e.tls = func() *tls.Config {
			c := &tls.Config{}
			if config.TLS != nil {
				c = config.TLS()
			}
			c.ServerName, c.MinVersion = u.Hostname(), tls.VersionTLS12
			return c
		}
	}
	e.address = net.JoinHostPort(u.Hostname(), cmp.Or(port, "80"))
	return e, nil
}

// ParseURL reads a gateway's URL and refuses whatever it would have to ignore.
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

// open dials the gateway and, for https, verifies who answers.
func (e *endpoint) open(callers context.Context, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(callers, deadline)
	defer cancel()
	nc, err := e.dial(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	s := newSocket(nc)
	spoken := net.Conn(s)
	if e.tls != nil {
		secured := tls.Client(s, e.tls())
		if err := secured.HandshakeContext(ctx); err != nil {
			s.Close()
			return nil, fmt.Errorf("%w%s", err, advice(err))
		}
		spoken = secured
	}
	s.begin(callers, deadline)
	e.opened.Add(1)
	return newConn(s, spoken), nil
}

// advice says what an operator who reads the cause in the log can do about a handshake
// that failed, if that is known.
func advice(err error) string {
	var unknownCA x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &unknownCA):
		return "; if this is the CC-Gateway, name the PEM file of its CA in --gateway-ca"
	case errors.As(err, &wrongName):
		return "; call it by a name that is in its certificate"
	case errors.As(err, &notTLS):
		return "; nobody speaks TLS there, is it another port, or http://?"
	}
	return ""
}
