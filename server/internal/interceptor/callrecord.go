package interceptor

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

// Front is the way by which a request came.
type Front string

// The fronts.
const (
	GRPC        Front = "grpc"
	REST        Front = "rest"
	Dialect     Front = "dialect" // of the gateway
	PassThrough Front = "pass-through"
)

// The names of attributes. Where OpenTelemetry's conventions (1.45) have a name for a fact,
// it is theirs; the others are the words of the contract.
const (
	frontKey      = "front"
	operationKey  = "operation"
	rpcMethodKey  = "rpc.method"
	rpcStatusKey  = "rpc.response.status_code"
	httpMethodKey = "http.request.method"
	urlPathKey    = "url.path"
	peerKey       = "network.peer.address"
	agentKey      = "agent"
	durationKey   = "duration_ms"
	requestIDKey  = "request_id"
	traceIDKey    = "trace_id"
)

// Request holds what a log record says of every request, whatever became of it. It never
// holds a GUID, phone number or voice path.
type Request struct {
	Front     Front
	Agent     string // empty if the request has no agent ID of the right form
	Peer      string // address of the client; empty if it is not logged
	RequestID string
	ownID     bool   // RequestID was made by agentconf, and not by the caller
	TraceID   string // empty without a trace
	Start     time.Time
	Took      time.Duration // set at the end
}

// callOf returns the request of a call. The JSON front has annotated the context with the
// path that it has matched.
func callOf(ctx context.Context) Request {
	front := GRPC
	if route, annotated := runtime.HTTPPathPattern(ctx); annotated {
		front = frontOf(route)
	}
	return requestOf(ctx, front)
}

// requestOf returns the request of ctx, which begins now.
func requestOf(ctx context.Context, front Front) Request {
	id, own := RequestID(metadata.ValueFromIncomingContext(ctx, RequestIDKey))
	return Request{
		Front: front, Peer: telemetry.PeerOf(ctx), RequestID: id, ownID: own, TraceID: telemetry.TraceID(ctx),
		Start: time.Now(),
	}
}

// frontOf returns the front of a path of the JSON port.
func frontOf(path string) Front {
	if strings.HasPrefix(path, "/agentgateway/") {
		return Dialect
	}
	return REST
}

// RequestOf returns the request of r at the JSON port, with the agent of its path. It begins
// now; a front that logs it at its end sets Took.
func RequestOf(r *http.Request, front Front) Request {
	req := requestOf(r.Context(), front)
	req.Agent = agentOfPath(r.URL.Path)
	return req
}

// addTo adds the attributes of the request to a record, which has room for five without an
// allocation.
func (r Request) addTo(to *slog.Record) {
	to.AddAttrs(slog.String(agentKey, r.Agent),
		slog.Float64(durationKey, float64(r.Took.Microseconds())/1000), slog.String(requestIDKey, r.RequestID))
	if r.Peer != "" {
		to.AddAttrs(slog.String(peerKey, r.Peer))
	}
	if r.TraceID != "" {
		to.AddAttrs(slog.String(traceIDKey, r.TraceID))
	}
}

// record returns the log record of the request. A record that is built here, and not by
// slog.Logger, spares the look-up of the calling line of code.
func (r Request) record(level slog.Level) slog.Record {
	record := slog.NewRecord(r.Start.Add(r.Took), level, "call", 0)
	r.addTo(&record)
	return record
}

// setTrace takes the trace ID from span, which may be nil. A call without a trace of the
// caller begins one with its span.
func (r *Request) setTrace(span trace.Span) {
	if span != nil && r.TraceID == "" && span.SpanContext().HasTraceID() {
		r.TraceID = span.SpanContext().TraceID().String()
	}
}

// Recorder writes the log records of requests: one form for all fronts.
type Recorder struct {
	log       *slog.Logger
	strangers *telemetry.Summary
}

// NewRecorder returns a recorder that writes to log.
func NewRecorder(log *slog.Logger) *Recorder {
	return &Recorder{log, telemetry.NewSummary(log, slog.LevelInfo,
		"requests without a GUID name no operation; they may be a scanner's")}
}

// Write writes the record of a request, with attrs before the common attributes.
func (r *Recorder) Write(level slog.Level, req Request, attrs ...slog.Attr) {
	if !r.log.Enabled(context.Background(), level) {
		return
	}
	record := slog.NewRecord(req.Start.Add(req.Took), level, "call", 0)
	record.AddAttrs(slog.String(frontKey, string(req.Front)))
	record.AddAttrs(attrs...)
	req.addTo(&record)
	_ = r.log.Handler().Handle(context.Background(), record) // a failing log cannot be reported anywhere
}

// Rejected writes the record of an HTTP request that the JSON front rejected before it was a
// call.
func (r *Recorder) Rejected(req *http.Request, err *outcome.Error) {
	r.rejected(req.Context(), RequestOf(req, frontOf(req.URL.Path)), err,
		slog.String(httpMethodKey, KnownMethod(req.Method)), slog.String(urlPathKey, PrintablePath(req.URL.Path)))
}

// rejectedMethod writes the record of a gRPC call of a method that no service has.
func (r *Recorder) rejectedMethod(ctx context.Context, fullMethod string, err *outcome.Error) {
	r.rejected(ctx, requestOf(ctx, GRPC), err, slog.String(rpcMethodKey, "_OTHER"),
		slog.String("rpc.method_original", strings.TrimPrefix(PrintablePath(fullMethod), "/")))
}

// rejected writes one record a minute for requests that name no operation and have no GUID:
// no client of agentconf sends them. attrs name the operation.
func (r *Recorder) rejected(ctx context.Context, req Request, err *outcome.Error, attrs ...slog.Attr) {
	if err.Reason == outcome.NoSuchOperation.Reason && !hasGUID(ctx) {
		attrs = append(attrs, slog.String(frontKey, string(req.Front)))
		if req.Peer != "" {
			attrs = append(attrs, slog.String(peerKey, req.Peer))
		}
		r.strangers.Add(attrs...)
		return
	}
	req.Took = time.Since(req.Start)
	attrs = append([]slog.Attr{
		slog.String(operationKey, err.Operation), slog.String(rpcStatusKey, outcome.CodeName(err.Code)),
	}, attrs...)
	r.Write(LevelOf(err), req, append(attrs, FailureAttrs(err)...)...)
}

func hasGUID(ctx context.Context) bool {
	values := metadata.ValueFromIncomingContext(ctx, "guid")
	return len(values) > 0 && values[0] != ""
}

// LevelOf returns the level of a failure: ERROR for a fault of agentconf, WARN for an unknown
// outcome, and INFO for anything else, which the caller can mend alone.
func LevelOf(e *outcome.Error) slog.Level {
	switch {
	case e == nil:
		return slog.LevelInfo
	case e.Code == codes.Internal:
		return slog.LevelError
	case e.Outcome == outcome.Unknown:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// FailureAttrs returns the attributes of a failure. The names of wrong fields are those of
// the contract, never the text of a caller.
func FailureAttrs(e *outcome.Error) []slog.Attr {
	attrs := make([]slog.Attr, 0, 5)
	attrs = append(attrs, slog.String("reason", string(e.Reason)), slog.String("outcome", string(e.Outcome)))
	if e.Retcode != "" {
		attrs = append(attrs, slog.String("retcode", e.LoggedRetcode()))
	}
	if len(e.Violations) > 0 {
		fields := make([]string, len(e.Violations))
		for i, v := range e.Violations {
			fields[i] = v.Field
		}
		attrs = append(attrs, slog.Any("fields", fields))
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	return attrs
}
