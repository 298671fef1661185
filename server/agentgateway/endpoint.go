package agentgateway

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strconv"
	"time"
)

// resourceRoot is where the agent interface begins (page 0467).
const resourceRoot = "/agentgateway/resource/"

// endpoint is one address at which the gateway, or a node of it, is called.
type endpoint struct {
	host    string // as in the Host header
	address string // to dial
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     *tls.Config // nil for http
	idle    pool
}

func newEndpoint(config Config, rawURL string) (*endpoint, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	e := &endpoint{host: u.Host, dial: config.Dial}
	if e.dial == nil {
		e.dial = new(net.Dialer).DialContext
	}
	port := u.Port()
	if u.Scheme == "https" {
		port = cmp.Or(port, "443")
		e.tls = &tls.Config{
			ServerName: u.Hostname(),
			RootCAs:    config.RootCAs,
			MinVersion: tls.VersionTLS12,
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
func (e *endpoint) open(ctx context.Context, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	nc, err := e.dial(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	s := &socket{Conn: nc}
	cn := &conn{Conn: s, socket: s}
	if e.tls != nil {
		secured := tls.Client(s, e.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			s.Close()
			return nil, err
		}
		cn.Conn = secured
	}
	cn.answer.from = cn.Conn
	cn.reader = bufio.NewReader(&cn.answer)
	return cn, nil
}

// encode writes req as an HTTP/1.1 message, with the headers that page 0473
// documents and no others.
func (e *endpoint) encode(req Request) ([]byte, error) {
	if req.Path == "" || !visible(req.Path) || !visible(req.GUID) || !visible(req.ServiceToken) {
		return nil, errors.New("path, GUID or service token has a character that would break the request")
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
	b.WriteString("Host: " + e.host + "\r\n")
	b.WriteString("Content-Type: application/json; charset=UTF-8\r\n")
	if req.GUID != "" {
		b.WriteString("Guid: " + req.GUID + "\r\n")
	}
	if req.ServiceToken != "" {
		b.WriteString("service_token: " + req.ServiceToken + "\r\n")
	}
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
	return true
}
