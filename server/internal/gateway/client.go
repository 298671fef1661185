// Package gateway is a client of the CC-Gateway's agent interface: HTTP and JSON, with a
// session GUID in a header and retcode strings as results.
//
// The error of a failed call says whether the gateway can have executed the request. The
// client never sends a request twice.
package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// maxMargin is the most by which a call ends before its caller's deadline, so that the
// caller receives this client's error instead of that of its own clock.
const maxMargin = 50 * time.Millisecond

// Options are the settings of a Client.
type Options struct {
	// URL is the gateway's scheme (https, or http for tests and old gateways), host and
	// port, and nothing else.
	URL string

	// Nodes are the URLs of the gateway's nodes by name. A GUID ends in a dot and the name
	// of the node that issued it, such as AgentGateway1. Its calls go to that node, or to
	// URL if Nodes does not have the name. That only the issuing node knows a session is
	// inferred; no page states it.
	Nodes map[string]string

	// TLS returns a new configuration for each handshake: the roots for the gateway's
	// certificate, and the client certificate. Nil means the system's roots and no
	// client certificate.
	TLS func() *tls.Config

	// ServerName is the name that the certificates of the gateway and its nodes must have, and
	// that is sent to them. Empty means the host of each URL.
	ServerName string

	// Pins are the public keys of the gateway and its nodes: one of them must be that of the
	// certificate. If TLS has no roots, the pins are all that is verified. Otherwise chain and
	// name are verified as well. No pins means that any key is accepted.
	Pins []Pin

	// Timeout bounds a call whose caller has a later deadline or none.
	Timeout time.Duration

	// Breaker applies to each address separately.
	Breaker Breaker

	// Recover is deferred by the goroutines of probes and dials, with the name of their task. Nil
	// lets a panic end the process.
	Recover func(task string)

	// Dial opens a connection. Nil means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client calls one gateway and keeps its connections for later calls. It is safe for
// concurrent use. It follows no redirect and uses no proxy, since either would reveal the
// GUID to another host.
type Client struct {
	recover   func(task string)
	endpoints map[string]*endpoint // by the node's name; the key of Options.URL is ""
	timeout   time.Duration
}

// Connections are the counts of a client since its creation.
type Connections struct {
	Opened int64
	Reused int64 // calls on a connection that had carried a call before
}

// Connections returns the counts so far.
func (c *Client) Connections() Connections {
	var sum Connections
	for _, e := range c.endpoints {
		sum.Opened += e.opened.Load()
		sum.Reused += e.reused.Load()
	}
	return sum
}

// New returns a client. It opens no connection. It fails for a URL that ParseURL rejects,
// and for a Timeout that is not above zero.
func New(options Options) (*Client, error) {
	if options.Timeout <= 0 {
		return nil, fmt.Errorf("timeout %v: must be above zero", options.Timeout)
	}
	gateway, err := newEndpoint(options, options.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		endpoints: map[string]*endpoint{"": gateway}, timeout: options.Timeout, recover: options.Recover,
	}
	if c.recover == nil {
		c.recover = func(string) {}
	}
	for name, url := range options.Nodes {
		if c.endpoints[name], err = newEndpoint(options, url); err != nil {
			return nil, fmt.Errorf("node %s: %w", name, err)
		}
	}
	return c, nil
}

// Close closes the idle connections. It does not end the calls in flight.
func (c *Client) Close() {
	for _, e := range c.endpoints {
		e.idle.close()
	}
}

// Request is a request of the agent interface.
type Request struct {
	// Method is the HTTP method.
	Method string

	// Path is the part behind /agentgateway/resource/. It is sent as it is.
	Path string

	// GUID is the agent's session GUID, sent as the header Guid. A sign-in has none.
	GUID string

	// ServiceToken is sent as the header service_token (page 1204), unless it is empty.
	ServiceToken string

	// Cookie is sent as the header Cookie, unless it is empty. A load balancer in front of the
	// gateway selects the node by it.
	Cookie string

	// Patience is how long the gateway may hold its reply back, as it does in a long poll.
	// Options.Timeout starts after it.
	Patience time.Duration

	// Body is encoded as JSON. Nil sends no body.
	Body any

	// TraceParent and TraceState are sent as the headers of W3C Trace Context, unless they
	// are empty.
	TraceParent, TraceState string
}

// Send sends req. Reply must follow; it returns the error of Send, too.
//
// The call ends at the caller's deadline or after Options.Timeout, whichever comes first.
// When ctx is cancelled, the call ends at once and closes its connection.
func (c *Client) Send(ctx context.Context, req Request) Exchange {
	deadline, passed := c.deadline(ctx, req.Patience)
	if passed { // before ctx has noticed; a connection would be spent on the call
		return Exchange{err: &Error{Kind: NotSent, Err: cause(ctx, os.ErrDeadlineExceeded)}}
	}
	e := c.endpointFor(req.GUID)
	wire, err := e.encode(req)
	if err != nil {
		return Exchange{err: &Error{Kind: NotSent, Err: err}}
	}
	return e.send(ctx, deadline, wire)
}

// endpointFor returns the endpoint of the node that issued guid. A sign-in, which has no
// GUID, goes to Options.URL, whose key is "" too.
func (c *Client) endpointFor(guid string) *endpoint {
	if e, ok := c.endpoints[guid[strings.LastIndexByte(guid, '.')+1:]]; ok {
		return e
	}
	return c.endpoints[""]
}

// deadline returns when a call ends that starts now, and whether that time has passed already.
func (c *Client) deadline(ctx context.Context, patience time.Duration) (at time.Time, passed bool) {
	now := time.Now()
	limit := now.Add(patience + c.timeout)
	if early, ok := Deadline(ctx); ok && early.Before(limit) {
		return early, !now.Before(early)
	}
	return limit, false
}

// Deadline returns when a call ends whose caller has a deadline: so early that the answer
// still reaches the caller. The margin is a tenth of the time that is left, at most maxMargin.
func Deadline(ctx context.Context) (early time.Time, ok bool) {
	callers, ok := ctx.Deadline()
	margin := min(max(time.Until(callers)/10, 0), maxMargin)
	return callers.Add(-margin), ok
}
