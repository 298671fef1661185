// Package agentgateway is a client of the CC-Gateway's agent interface: HTTP
// and JSON, a session GUID in a header, results as retcode strings.
//
// It exists for one thing that a general HTTP client does not tell: whether a
// byte of a request left this process. A call that failed before that did not
// happen; one that failed after it may have. No request is ever sent twice.
package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"
)

// maxShave is the most that a caller's deadline is brought forward, so that the
// caller hears from this client what ran out and not from its own clock.
const maxShave = 50 * time.Millisecond

// Config says which gateway to call and how.
type Config struct {
	// URL is the gateway's scheme (https, or http for tests and old gateways),
	// host and port, with nothing behind them.
	URL string

	// Nodes are the URLs of the gateway's nodes by name. A GUID ends in a dot and
	// the name of the node that issued it, AgentGateway1 for example; its calls go
	// straight to that node, and to URL if the name is not here. That only the
	// issuing node knows a session is inferred, no page says so.
	Nodes map[string]string

	// TLS returns, new for every handshake, what the gateway's certificate is verified
	// with and which of our own it is shown. Nil means the system's roots, and none.
	TLS func() *tls.Config

	// Timeout bounds a call whose caller has no deadline, or a later one.
	Timeout time.Duration

	// Breaker is for each of the addresses.
	Breaker Breaker

	// Dial opens a connection. Nil means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client calls one gateway. It is safe for concurrent use and keeps the
// connections it opened for the next call. It follows no redirect and asks no
// proxy: either would hand the GUID to somebody else.
type Client struct {
	gateway *endpoint
	nodes   map[string]*endpoint
	timeout time.Duration
}

// Connections counts those of a client since its begin.
type Connections struct {
	Opened, Reused int64 // Reused is how many calls had one that served before
}

// Connections returns the counts so far.
func (c *Client) Connections() Connections {
	sum := c.gateway.connections()
	for _, e := range c.nodes {
		n := e.connections()
		sum.Opened += n.Opened
		sum.Reused += n.Reused
	}
	return sum
}

// New returns a client of the gateway that config names. No connection is made
// before the first call.
func New(config Config) (*Client, error) {
	if config.Timeout <= 0 {
		return nil, fmt.Errorf("timeout %v: must be above zero", config.Timeout)
	}
	c := &Client{nodes: map[string]*endpoint{}, timeout: config.Timeout}
	var err error
	if c.gateway, err = newEndpoint(config, config.URL); err != nil {
		return nil, err
	}
	for name, url := range config.Nodes {
		if c.nodes[name], err = newEndpoint(config, url); err != nil {
			return nil, fmt.Errorf("node %s: %w", name, err)
		}
	}
	return c, nil
}

// Close closes the idle connections. Calls in flight end undisturbed.
func (c *Client) Close() {
	c.gateway.idle.close()
	for _, e := range c.nodes {
		e.idle.close()
	}
}

// Request is one call of the agent interface.
type Request struct {
	// Method is the HTTP method.
	Method string

	// Path is what follows /agentgateway/resource/. It is sent as it is.
	Path string

	// GUID is the agent's session GUID, sent as the header Guid. A sign-in has none.
	GUID string

	// ServiceToken is sent as the header service_token, if it is not empty (page
	// 1204).
	ServiceToken string

	// Patience is how long the gateway may hold its answer back, as it does with a
	// poll; Config.Timeout begins after it.
	Patience time.Duration

	// Body is encoded as JSON. Nil sends no body.
	Body any

	// TraceParent and TraceState are sent as the headers of W3C Trace Context, if they
	// are not empty.
	TraceParent, TraceState string
}

// Call sends req and returns the gateway's answer if its retcode is "0". Every
// error is an *Error.
//
// The call ends at the caller's deadline or after Config.Timeout, whichever
// comes first, on the calling goroutine. It ends as soon as the caller gives up,
// though not within 20 ms of its begin, and closes its connection then.
func (c *Client) Call(ctx context.Context, req Request) (Reply, error) {
	e := c.endpointOf(req.GUID)
	m, err := e.encode(req)
	if err != nil {
		return Reply{}, &Error{Kind: NotSent, Err: err}
	}
	resp, err := e.exchange(ctx, c.deadline(ctx, req.Patience), m)
	if err != nil {
		return Reply{}, err
	}
	if resp.status < 200 || resp.status > 299 {
		return Reply{}, &Error{Kind: Broken, Err: fmt.Errorf("HTTP status %d", resp.status)}
	}
	reply, err := decodeReply(resp.body)
	if err != nil {
		return Reply{}, &Error{Kind: Broken, Err: err}
	}
	if reply.Retcode != Success {
		return Reply{}, &Error{Kind: Refused, Retcode: reply.Retcode, Message: reply.Message, Result: reply.Result}
	}
	reply.GUID = issuedGUID(resp.setGUID)
	return reply, nil
}

// endpointOf is where the session of guid lives.
func (c *Client) endpointOf(guid string) *endpoint {
	if e, ok := c.nodes[guid[strings.LastIndexByte(guid, '.')+1:]]; ok {
		return e
	}
	return c.gateway
}

func (c *Client) deadline(ctx context.Context, patience time.Duration) time.Time {
	now := time.Now()
	ours := now.Add(patience + c.timeout)
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
