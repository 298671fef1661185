// Package agentgateway is a client of the CC-Gateway's agent interface: HTTP
// and JSON, a session GUID in a header, results as retcode strings.
//
// It exists for one thing that a general HTTP client does not tell: whether a
// byte of a request left this process. A call that failed before that did not
// happen; one that failed after it may have. No request is ever sent twice.
package agentgateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"
)

const (
	// resourceRoot is where the agent interface begins (page 0467).
	resourceRoot = "/agentgateway/resource/"

	// maxShave is the most that a caller's deadline is brought forward, so that
	// the caller hears from this client what ran out and not from its own clock.
	maxShave = 50 * time.Millisecond
)

// Config says which gateway to call and how.
type Config struct {
	// URL is the gateway's scheme (https, or http for tests and old gateways),
	// host and port, with nothing behind them.
	URL string

	// RootCAs verifies the gateway's certificate. Nil means the system's roots.
	RootCAs *x509.CertPool

	// Timeout bounds a call whose caller has no deadline, or a later one.
	Timeout time.Duration

	// Dial opens a connection. Nil means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client calls one gateway. It is safe for concurrent use and keeps the
// connections it opened for the next call. It follows no redirect and asks no
// proxy: either would hand the GUID to somebody else.
type Client struct {
	host    string // as in the Host header
	address string // to dial
	timeout time.Duration
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     *tls.Config // nil for http
	idle    pool
}

// New returns a client of the gateway that config names. No connection is made
// before the first call.
func New(config Config) (*Client, error) {
	u, err := ParseURL(config.URL)
	if err != nil {
		return nil, err
	}
	if config.Timeout <= 0 {
		return nil, fmt.Errorf("timeout %v: must be above zero", config.Timeout)
	}
	c := &Client{host: u.Host, timeout: config.Timeout, dial: config.Dial}
	if c.dial == nil {
		c.dial = new(net.Dialer).DialContext
	}
	port := u.Port()
	if u.Scheme == "https" {
		port = cmp.Or(port, "443")
		c.tls = &tls.Config{
			ServerName: u.Hostname(),
			RootCAs:    config.RootCAs,
			MinVersion: tls.VersionTLS12,
		}
	}
	c.address = net.JoinHostPort(u.Hostname(), cmp.Or(port, "80"))
	return c, nil
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

// Close closes the idle connections. Calls in flight end undisturbed.
func (c *Client) Close() { c.idle.close() }

// Request is one call of the agent interface.
type Request struct {
	// Method is the HTTP method.
	Method string

	// Path is what follows /agentgateway/resource/. It is sent as it is.
	Path string

	// GUID is the agent's session GUID, sent as the header Guid.
	GUID string

	// Body is encoded as JSON. Nil sends no body.
	Body any
}

// Call sends req and returns the gateway's answer if its retcode is "0". Every
// error is an *Error.
//
// The call ends at the caller's deadline or after Config.Timeout, whichever
// comes first, on the calling goroutine.
func (c *Client) Call(ctx context.Context, req Request) (Reply, error) {
	message, err := c.encode(req)
	if err != nil {
		return Reply{}, &Error{Kind: NotSent, Err: err}
	}
	status, body, err := c.exchange(ctx, c.deadline(ctx), message)
	if err != nil {
		return Reply{}, err
	}
	if status < 200 || status > 299 {
		return Reply{}, &Error{Kind: Broken, Err: fmt.Errorf("HTTP status %d", status)}
	}
	reply, err := decodeReply(body)
	if err != nil {
		return Reply{}, &Error{Kind: Broken, Err: err}
	}
	if reply.Retcode != Success {
		return Reply{}, &Error{Kind: Refused, Retcode: reply.Retcode, Message: reply.Message}
	}
	return reply, nil
}

// encode writes req as an HTTP/1.1 message, with the headers that page 0473
// documents and no others.
func (c *Client) encode(req Request) ([]byte, error) {
	if !visible(req.Path) || !visible(req.GUID) {
		return nil, errors.New("path or GUID has a character that would break the request")
	}
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = json.Marshal(req.Body); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	b.Grow(len(body) + 256)
	b.WriteString(req.Method + " " + resourceRoot + req.Path + " HTTP/1.1\r\n")
	b.WriteString("Host: " + c.host + "\r\n")
	b.WriteString("Content-Type: application/json; charset=UTF-8\r\n")
	b.WriteString("Guid: " + req.GUID + "\r\n")
	b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	b.Write(body)
	return b.Bytes(), nil
}

// visible reports whether s is visible ASCII, and so cannot end its place in a
// request line or a header.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

func (c *Client) deadline(ctx context.Context) time.Time {
	now := time.Now()
	ours := now.Add(c.timeout)
	callers, ok := ctx.Deadline()
	if !ok {
		return ours
	}
	if left := callers.Sub(now); left > 0 {
		callers = callers.Add(-min(left/10, maxShave))
	}
	if callers.Before(ours) {
		return callers
	}
	return ours
}
