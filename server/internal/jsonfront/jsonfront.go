// Package jsonfront is the HTTP side of the contract: the REST paths and the paths of
// the gateway dialect, as http.yaml binds them, and the documentation.
//
// The generated handlers of grpc-gateway route requests and call the services over a
// gRPC connection. This package adds the JSON codec, both error styles, server-sent
// events and CORS.
package jsonfront

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
)

// Options are the settings of a JSON front.
type Options struct {
	// Conn reaches the services. Metadata for it is incoming metadata of the context.
	// Its errors are of type *outcome.Error.
	Conn grpc.ClientConnInterface

	// Log receives a record for every request that is rejected before it is a call.
	Log *slog.Logger

	// MaxRequest limits the body of a request in bytes.
	MaxRequest int

	// WriteTimeout limits the time in which a client reads one message of a watch.
	WriteTimeout time.Duration

	// CORSOrigins are the origins whose pages may call the front, or "*" for any. Requests
	// for other pages are rejected with CROSS_ORIGIN, unless they are reads.
	CORSOrigins []string

	// PassThrough forwards a request below /agentgateway/resource/ that no operation has. It
	// returns an error if it has written nothing. Nil rejects such requests.
	PassThrough func(http.ResponseWriter, *http.Request) *outcome.Error

	Metrics prometheus.Registerer
}

// New returns the handler of the JSON port.
func New(options Options) http.Handler {
	return withRequestID(closeAfterChunked(withCORS(newFront(options), options.CORSOrigins)))
}

// front serves the paths of the contract and of the documentation.
type front struct {
	mux        *runtime.ServeMux
	routes     routes
	docs       *http.ServeMux
	log        *slog.Logger
	recorder   *interceptor.Recorder
	maxRequest int64                       // bytes of a body
	origins    *http.CrossOriginProtection // nil if pages of any origin may call
	tolerated  tolerations

	passThrough  func(http.ResponseWriter, *http.Request) *outcome.Error // may be nil
	writeTimeout time.Duration
}

// newFront returns a front without CORS. The first middleware is the outermost: a query for
// a route ends before the cache of routes. The last one runs with and without the cache.
func newFront(options Options) *front {
	f := &front{
		routes: routes{byKey: map[routeKey]route{}}, docs: newDocs(),
		log: options.Log, recorder: interceptor.NewRecorder(options.Log), maxRequest: int64(options.MaxRequest),
		passThrough: options.PassThrough, writeTimeout: options.WriteTimeout,
		origins: newOriginCheck(options.CORSOrigins), tolerated: newTolerations(options.Metrics),
	}
	f.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &codec{}),
		runtime.WithForwardResponseOption(setReplyHeaders),
		runtime.WithForwardResponseRewriter(encodeReply),
		runtime.WithErrorHandler(f.handleError),
		runtime.WithRoutingErrorHandler(f.handleNoRoute),
		runtime.WithMiddlewares(answerRouteQuery, f.routes.remember, tolerateRoute),
		runtime.WithWriteContentLength(),
	)
	if err := register(f.mux, bindingConn{options.Conn}); err != nil {
		panic(err) // a binding of http.yaml is malformed
	}
	return f
}

// register makes mux call the services through conn.
func register(mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
	ctx := context.Background()
	return errors.Join(
		agentconfv1.RegisterConferenceServiceHandlerClient(ctx, mux,
			agentconfv1.NewConferenceServiceClient(conn)),
		agentconfv1.RegisterSessionServiceHandlerClient(ctx, mux, agentconfv1.NewSessionServiceClient(conn)),
		agentconfv1.RegisterEventServiceHandlerClient(ctx, mux, agentconfv1.NewEventServiceClient(conn)),
	)
}

// withRequestID gives every response its request ID, whatever handles the request.
func withRequestID(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := interceptor.RequestID(r.Header[requestIDHeader])
		w.Header()[requestIDHeader] = []string{id}
		h.ServeHTTP(w, r)
	})
}

// closeAfterChunked closes the connection after a chunked request. net/http silently
// drops a Content-Length beside the chunks. A proxy that trusts that length takes the
// next request on the connection for a part of the body.
func closeAfterChunked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TransferEncoding != nil {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler. The documentation has no GUID and no call, so that its
// requests skip everything else.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// An encoded slash separates no segments, so that no operation has such a path.
	encodedSlash := strings.Contains(strings.ToUpper(r.URL.RawPath), "%2F")
	isDocs := r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, docsRoot)
	if !encodedSlash && isDocs && f.serveDocs(w, r) {
		return
	}
	origin := f.checkOrigin(r)
	r = f.newInboundRequest(w, r)
	defer f.end(r)
	if origin != nil {
		f.reject(w, r, origin)
		return
	}
	if encodedSlash || f.forwards(r.URL.Path) && namesNoAgent(r.URL.Path) {
		f.handleNoRoute(r.Context(), nil, nil, w, r, http.StatusNotFound)
		return
	}
	if handle, values := f.routes.find(r); handle != nil {
		handle(w, r, values)
		return
	}
	f.mux.ServeHTTP(w, r)
}

// checkOrigin returns the error of a request that a browser sends for a page of an origin
// that may not call, or nil.
func (f *front) checkOrigin(r *http.Request) *outcome.Error {
	if f.origins == nil || f.origins.Check(r) == nil {
		return nil
	}
	return outcome.ForeignOrigin()
}

// serveDocs serves r if its path belongs to the documentation.
func (f *front) serveDocs(w http.ResponseWriter, r *http.Request) bool {
	handler, pattern := f.docs.Handler(r)
	if pattern == "" {
		return false
	}
	if r.ProtoMajor == 2 {
		setWriteDeadline(w, time.Now().Add(f.writeTimeout))
	}
	handler.ServeHTTP(w, r)
	return true
}

// end ends the deadline of r. After a panic of the front itself it closes the connection.
// Panics of a call end in its interceptor. net/http would log the value of the panic.
func (f *front) end(r *http.Request) {
	in := inboundOf(r.Context())
	if in.cancel != nil {
		in.cancel()
	}
	in.limitWrite() // of what net/http has not written yet
	p := recover()
	if p == http.ErrAbortHandler { // the log has a record already
		panic(p)
	}
	if p != nil {
		f.recorder.Rejected(r, outcome.Panicked("", p))
		panic(http.ErrAbortHandler)
	}
}
