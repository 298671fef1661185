package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"agentconf/server/internal/gateway/http1"
)

const (
	// maxIdlePerNode is how many idle connections a Transport keeps for each address.
	maxIdlePerNode = 128

	// continueTimeout is how long a request with Expect: 100-continue waits for that answer
	// before its body is sent all the same (RFC 9110, section 10.1.1).
	continueTimeout = time.Second

	// maxProxiedHead is the limit of the head of a response in bytes.
	maxProxiedHead = 64 << 10
)

// ErrIncomplete is the cause of a request whose caller did not send its whole body. The
// gateway may have received a part of it.
var ErrIncomplete = errors.New("the caller did not send the whole body")

// These errors stand for those of net/http, whose texts may repeat bytes of the response.
var (
	errStalled = errors.New("no byte was sent or received in time")
	errBroken  = errors.New("the connection broke, or the response is not HTTP/1.1")
)

// Transport sends requests of any form to the gateway, for a reverse proxy. It streams the
// bodies of both directions. It shares the addresses, the breakers, the TLS settings and the
// counters of its Client, but no connection.
//
// A request goes to the node of its header Guid. Of its URL only path and query are used.
// Transport never sends a request twice, follows no redirect and uses no proxy.
type Transport struct {
	client *Client
	stall  time.Duration
	nodes  map[*endpoint]*http.Transport
}

// NewTransport returns a transport for the gateway of c. A request fails if no byte of it
// or of its response is transferred for the time stall. To open a connection may take
// Options.Timeout.
func NewTransport(c *Client, stall time.Duration) *Transport {
	t := &Transport{client: c, stall: stall, nodes: map[*endpoint]*http.Transport{}}
	for _, e := range c.endpoints {
		t.nodes[e] = &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return e.dialProxied(ctx, c.timeout)
			},
			DisableCompression:     true,
			MaxIdleConnsPerHost:    maxIdlePerNode,
			IdleConnTimeout:        idleTimeout,
			ExpectContinueTimeout:  continueTimeout,
			MaxResponseHeaderBytes: maxProxiedHead,
		}
	}
	return t
}

// Close closes the idle connections. It does not end the requests in flight.
func (t *Transport) Close() {
	for _, node := range t.nodes {
		node.CloseIdleConnections()
	}
}

// IssuedGUID returns the GUID that the gateway issued with a response, or an empty string if
// it issued none that a request can carry.
func IssuedGUID(header http.Header) string {
	guid, _ := issuedGUID(header.Get(guidField))
	return guid
}

// RoundTrip implements http.RoundTripper. Every error is an *Error of the kind NotSent,
// TimedOut or Broken. The body of a response fails with ErrUnexpectedEOF or the error of its
// connection if it breaks off.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	e := t.client.endpointFor(req.Header.Get("Guid"))
	x := newProxied(req.Context(), t.stall)
	resp, err := t.nodes[e].RoundTrip(x.outbound(req, e))
	if err != nil {
		defer x.end()
		return nil, x.failure(req.Context(), err)
	}
	x.progress()
	resp.Request, resp.Body = req, &proxiedBody{resp.Body, x, x.end}
	return resp, nil
}

// dialProxied opens a connection for a Transport, unless the breaker rejects the attempt.
func (e *endpoint) dialProxied(ctx context.Context, timeout time.Duration) (conn net.Conn, err error) {
	deadline := time.Now().Add(timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	_, err = e.breaker.run(deadline, func() (*http1.Conn, error) {
		conn, err = e.openProxied(ctx)
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (e *endpoint) openProxied(ctx context.Context) (net.Conn, error) {
	conn, err := e.dial(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	if config := e.tls(); config != nil {
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, explainHandshake(err)
		}
		conn = secured
	}
	e.opened.Add(1)
	return &sealedConn{Conn: conn}, nil
}

// sealedConn is a connection that reports whether a write has begun. net/http writes nothing
// but requests, so that a request was surely not sent if no write has begun since the
// connection was its own.
type sealedConn struct {
	net.Conn
	writes atomic.Int64 // writes that have begun
	sealed atomic.Bool
}

// Write implements net.Conn. It counts before it looks at sealed, and seal does the reverse:
// no write can slip through between the two.
func (c *sealedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if c.sealed.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// seal closes the connection and returns the number of writes that have begun, which no
// further write can increase.
func (c *sealedConn) seal() int64 {
	c.sealed.Store(true)
	writes := c.writes.Load()
	c.Conn.Close()
	return writes
}

// proxied is the state of one request of a Transport.
type proxied struct {
	ctx        context.Context
	cancel     context.CancelCauseFunc
	timer      *time.Timer // cancels ctx with errStalled
	stall      time.Duration
	incomplete atomic.Bool // the body of the request broke off

	conn   *sealedConn // nil until there is one
	before int64       // writes of conn before this request
}

func newProxied(ctx context.Context, stall time.Duration) *proxied {
	x := &proxied{stall: stall}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	x.timer = time.AfterFunc(stall, func() { x.cancel(errStalled) })
	return x
}

// progress restarts the time in which a byte must be transferred.
func (x *proxied) progress() { x.timer.Reset(x.stall) }

// end releases the resources of the request.
func (x *proxied) end() {
	x.timer.Stop()
	x.cancel(nil)
}

// outbound returns the request that net/http sends to e. Its scheme is http with TLS, too:
// dialProxied does the handshake.
func (x *proxied) outbound(req *http.Request, e *endpoint) *http.Request {
	ctx := httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		x.conn = got.Conn.(*sealedConn)
		x.before = x.conn.writes.Load()
		if got.Reused {
			e.reused.Add(1)
		}
	}})
	out, u := req.WithContext(ctx), *req.URL
	u.Scheme, u.Host = "http", e.address
	out.URL, out.Host = &u, e.host
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &proxiedBody{req.Body, x, func() {}}
	}
	out.GetBody = nil
	forbidRetry(out)
	return out
}

// forbidRetry makes out a request that net/http sends once only. On a connection that has
// been idle, net/http would send a request again after bytes of it were written, if it has
// no body and its method is safe, or if it has one of two headers that mark it as idempotent.
// net/http looks for the header under its canonical name, and HTTP ignores the case.
func forbidRetry(out *http.Request) {
	if out.Body == nil || out.Body == http.NoBody {
		switch out.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			out.Body = emptyBody{} // found to be empty before the head is sent
		}
	}
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values := out.Header[name]; values != nil {
			out.Header = out.Header.Clone()
			delete(out.Header, name)
			out.Header[strings.ToLower(name)] = values
		}
	}
}

// emptyBody is a body without bytes that net/http does not know to be empty.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// proxiedBody is the body of a request or of its response. Every byte of it is progress.
type proxiedBody struct {
	io.ReadCloser
	x   *proxied
	end func() // runs when the body is closed
}

// Read implements io.Reader. It records an error, which only that of a request concerns: the
// response comes after the last look at it.
func (b *proxiedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.x.progress()
	}
	if err != nil && err != io.EOF {
		b.x.incomplete.Store(true)
	}
	return n, err
}

func (b *proxiedBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// failure returns the error of a request that has no response. callers is its context.
func (x *proxied) failure(callers context.Context, err error) *Error {
	sent := x.conn != nil && x.conn.seal() > x.before
	stalled := errors.Is(context.Cause(x.ctx), errStalled)
	late := errors.Is(callers.Err(), context.DeadlineExceeded)
	_, network := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(callers.Err(), context.Canceled):
		err = context.Canceled
	case x.incomplete.Load():
		err = ErrIncomplete
	case stalled:
		err = errStalled
	case late:
		err = context.DeadlineExceeded
	case sent && !network:
		err = errBroken
	}
	return &Error{Kind: proxiedKind(sent, stalled || late), Err: err}
}

func proxiedKind(sent, timedOut bool) Kind {
	switch {
	case !sent:
		return NotSent
	case timedOut:
		return TimedOut
	}
	return Broken
}
