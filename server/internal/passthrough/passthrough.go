// Package passthrough is a reverse proxy for the gateway's operations that the contract does
// not have. It sends a request to the gateway as it is, and the response back as it is.
//
// It knows nothing of the meaning of a request. Of an error it says only whether the request
// was surely not sent, or was sent and not answered.
package passthrough

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/ratelimit"
)

// Options are the settings of a Proxy.
type Options struct {
	// Transport sends the requests. Its errors are of type *gateway.Error.
	Transport http.RoundTripper

	// RenewGUID is called for a new GUID that comes with the gateway's consent to the request
	// of an agent, who has shown another one.
	RenewGUID func(agentID, shown, issued string)

	Log     *slog.Logger
	Metrics prometheus.Registerer

	// MaxInFlight limits the requests in flight, Rate those with the same GUID in a second.
	// Requests beyond a limit are rejected at once. A Rate of 0 is no limit.
	MaxInFlight, Rate int

	// RequestTime is how long a client may take for the head and the first bytes of a
	// request. Each 8 KiB of a body that have arrived add a second.
	RequestTime time.Duration
}

// Proxy forwards requests to the gateway. It is safe for concurrent use.
type Proxy struct {
	options  Options
	proxy    *httputil.ReverseProxy
	metrics  *metrics
	recorder *interceptor.Recorder
	rate     *ratelimit.Limit
	inFlight atomic.Int64
}

// New returns a proxy. It registers its metrics, and panics if the registerer has them.
func New(options Options) *Proxy {
	p := &Proxy{options: options, recorder: interceptor.NewRecorder(options.Log)}
	p.metrics = newMetrics(options.Metrics, func() float64 { return float64(p.inFlight.Load()) })
	p.rate = ratelimit.New(options.Rate, p.metrics.evictions)
	p.proxy = &httputil.ReverseProxy{
		Rewrite:       rewrite,
		Transport:     p,
		FlushInterval: -1, // a download without a length reaches the client as it comes
		BufferPool:    &buffers,
		ErrorHandler:  func(_ http.ResponseWriter, r *http.Request, err error) { exchangeOf(r.Context()).fail(err) },
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // the record has the cause
	}
	return p
}

// Forward forwards r and writes the response to w. It returns an error if it has written
// nothing. It panics with http.ErrAbortHandler if the response breaks off, and after a panic.
func (p *Proxy) Forward(w http.ResponseWriter, r *http.Request) *outcome.Error {
	x := newExchange(w, r)
	inFlight := p.inFlight.Add(1)
	defer func() { // runs after a panic, too
		p.inFlight.Add(-1)
		panicked := recover()
		if panicked != nil {
			x.abort(panicked)
		}
		p.finish(x)
		if panicked != nil {
			panic(http.ErrAbortHandler) // which nobody logs a second time
		}
	}()
	if x.err = p.reject(x, inFlight); x.err == nil {
		p.proxy.ServeHTTP(w, x.inbound(r, p.options.RequestTime))
	}
	return x.err
}

// reject returns the error of a request that is not forwarded, or nil.
func (p *Proxy) reject(x *exchange, inFlight int64) *outcome.Error {
	switch {
	case climbs(x.path):
		return outcome.NoOperation("This path leaves the resources of the CC-Gateway; remove its dots and backslashes.")
	case x.method == http.MethodTrace || x.method == http.MethodConnect:
		return outcome.NoOperation("agentconf does not forward " + x.method + ".")
	case inFlight > int64(p.options.MaxInFlight):
		return outcome.Overload(x.String())
	case x.guid != "" && !p.rate.Allow(x.guid):
		return outcome.RateExceeded(x.String(), "requests with the GUID of this request")
	}
	return nil
}

// RoundTrip implements http.RoundTripper for the ReverseProxy. It replaces the context of the
// ReverseProxy by that of the client. With the former, an interim response of the gateway
// overwrites the headers of the response. It gives the response what ReverseProxy would not.
func (p *Proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	resp, err := p.options.Transport.RoundTrip(r.WithContext(x.ctx))
	if err != nil {
		return nil, err
	}
	x.status = resp.StatusCode
	x.body.answered(x.writer.Header())
	p.reportGUID(x, resp)
	x.adjust(resp.Header)
	return resp, nil
}

// exchange is the state of one request.
type exchange struct {
	ctx           context.Context // of the client
	writer        http.ResponseWriter
	method, path  string // the path with its escapes decoded
	family        string
	agentID, guid string // empty if the path or the request has none
	request       interceptor.Request
	body          *pacedBody // nil if the request has none

	status int            // of the gateway's response; 0 if there was none
	err    *outcome.Error // nil if the gateway's response was passed on
}

func newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{
		ctx: r.Context(), writer: w, method: r.Method, path: r.URL.Path,
		guid: r.Header.Get("Guid"), request: interceptor.RequestOf(r, interceptor.PassThrough),
	}
	x.family, x.agentID = parsePath(r.URL.Path)
	x.request.Agent = x.agentID
	return x
}

// String names the request for an error text.
func (x *exchange) String() string { return "the request to " + x.family }

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// inbound returns the request as the ReverseProxy receives it.
func (x *exchange) inbound(r *http.Request, requestTime time.Duration) *http.Request {
	r = r.WithContext(context.WithValue(x.ctx, exchangeKey{}, x))
	if r.ContentLength != 0 {
		control := http.NewResponseController(x.writer)
		x.body = &pacedBody{
			ReadCloser: r.Body, control: control, oneStream: r.ProtoMajor == 1, start: x.request.Start, least: requestTime,
		}
		r.Body = x.body
	}
	return r
}

// buffers holds the buffers of response bodies.
var buffers bufferPool

type bufferPool struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *bufferPool) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (b *bufferPool) Put(buffer []byte) { b.pool.Put(&buffer) }
