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
	"github.com/rs/cors"
	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/interceptor"
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

	// CORSOrigins are the origins whose pages may call the front, or "*" for any.
	CORSOrigins []string
}

// New returns the handler of the JSON port.
func New(options Options) http.Handler {
	return closeAfterChunked(withCORS(newFront(options), options.CORSOrigins))
}

// front serves the paths of the contract and of the documentation.
type front struct {
	mux        *runtime.ServeMux
	routes     routes
	docs       *http.ServeMux
	log        *slog.Logger
	maxRequest int64 // bytes of a body
}

// newFront returns a front without CORS. The first middleware is the outermost: a query for
// a route ends before the cache of routes.
func newFront(options Options) *front {
	f := &front{
		routes: routes{byKey: map[routeKey]route{}}, docs: newDocs(),
		log: options.Log, maxRequest: int64(options.MaxRequest),
	}
	f.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &codec{}),
		runtime.WithForwardResponseOption(setReplyHeaders),
		runtime.WithForwardResponseRewriter(encodeReply),
		runtime.WithErrorHandler(f.handleError),
		runtime.WithRoutingErrorHandler(f.handleNoRoute),
		runtime.WithMiddlewares(answerRouteQuery, f.routes.remember),
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

// corsMaxAge is the time for which a browser may keep the answer to a preflight.
const corsMaxAge = 10 * time.Minute

// withCORS lets pages of the origins call h. A page sets the GUID as a header itself,
// so that browsers need not send credentials of their own.
func withCORS(h http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return h
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{
			"Guid", "Content-Type", "Grpc-Timeout", "Last-Event-ID", requestIDHeader,
			"service_token", "traceparent", "tracestate",
		},
		ExposedHeaders: []string{"Set-GUID", "Retry-After", "WWW-Authenticate", requestIDHeader},
		MaxAge:         int(corsMaxAge.Seconds()),
	}).Handler(h)
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
	if !encodedSlash && strings.HasPrefix(r.URL.Path, docsRoot) && f.serveDocs(w, r) {
		return
	}
	r = newInboundRequest(w, r, f.maxRequest)
	defer f.abort(r)
	if encodedSlash {
		f.handleNoRoute(r.Context(), nil, nil, w, r, http.StatusNotFound)
		return
	}
	if handle, values := f.routes.find(r); handle != nil {
		handle(w, r, values)
		return
	}
	f.mux.ServeHTTP(w, r)
}

// serveDocs serves r if its path belongs to the documentation.
func (f *front) serveDocs(w http.ResponseWriter, r *http.Request) bool {
	handler, pattern := f.docs.Handler(r)
	if pattern == "" {
		return false
	}
	handler.ServeHTTP(w, r)
	return true
}

// abort closes the connection of r after a panic of the front itself. Panics of a
// call end in its interceptor. net/http would log the value of the panic.
func (f *front) abort(r *http.Request) {
	if p := recover(); p != nil {
		interceptor.LogRejected(r.Context(), f.log, interceptor.Panicked("", p))
		panic(http.ErrAbortHandler)
	}
}
