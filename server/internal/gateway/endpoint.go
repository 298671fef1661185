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

	"agentconf/server/internal/gateway/http1"
)

// resourceRoot is the path of the agent interface (page 0467).
const resourceRoot = "/agentgateway/resource/"

// endpoint is one address of the gateway or of a node.
type endpoint struct {
	address string // host:port
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     func() *tls.Config // returns the configuration of a handshake, nil for http
	head    string             // the part of a request's head that never changes; it follows the path
	idle    pool
	breaker breaker

	opened, reused atomic.Int64
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
		dial:    options.Dial,
		tls:     tlsConfig(u, options.TLS),
		head: " HTTP/1.1\r\n" +
			"Host: " + u.Host + "\r\n" +
			"Content-Type: application/json; charset=UTF-8\r\n",
		breaker: breaker{limits: options.Breaker},
	}
	if e.dial == nil {
		e.dial = new(net.Dialer).DialContext
	}
	return e, nil
}

// tlsConfig completes the configurations that base returns with what u determines. Each
// handshake asks base again, because its files may have changed.
func tlsConfig(u *url.URL, base func() *tls.Config) func() *tls.Config {
	return func() *tls.Config {
		if u.Scheme != "https" {
			return nil
		}
		config := &tls.Config{}
		if base != nil {
			config = base()
		}
		config.ServerName, config.MinVersion = u.Hostname(), tls.VersionTLS12
		return config
	}
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

// open opens a connection and begins a call on it.
func (e *endpoint) open(ctx context.Context, deadline time.Time) (*http1.Conn, error) {
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	nc, err := e.dial(bounded, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	c, err := http1.Open(bounded, nc, e.tls())
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, advice(err))
	}
	if err := c.CheckQuiet(); err != nil {
		c.Close()
		return nil, err
	}
	c.Begin(ctx, deadline)
	e.opened.Add(1)
	return c, nil
}

// advice returns what an operator can do about a failed handshake. It is empty for an
// unknown cause, or begins with a semicolon.
func advice(err error) string {
	var unknownCA x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &unknownCA):
		return "; if this is the CC-Gateway, set --gateway-ca to the PEM file of its CA"
	case errors.As(err, &wrongName):
		return "; set --gateway to a host name that is in its certificate"
	case errors.As(err, &notTLS):
		return "; the server there does not use TLS; set --gateway to another port, or to http://"
	}
	return ""
}
