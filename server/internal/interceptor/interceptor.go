// Package interceptor is what every call passes, whichever front it came by: a limit,
// recovery from panics, request ID, metrics, log record and trace.
//
// It is one interceptor for each kind of call: a chain of six costs as much as the
// request to the gateway. For the same reason everything that is known of an RPC before a
// call is prepared when its service is registered.
package interceptor

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

// Options are the settings of an Interceptor.
type Options struct {
	// Log receives one record for each call, at its end. An unknown outcome is WARN, a
	// fault of agentconf ERROR, anything else INFO.
	Log *slog.Logger

	Metrics prometheus.Registerer
	Tracer  trace.Tracer // nil for no traces

	// MaxInFlight limits the calls in flight. Watches and LongPolls do not count. Calls
	// beyond the limit are rejected at once with OVERLOADED.
	MaxInFlight int

	// LongPolls are full names of methods whose calls wait. They have a limit of their own.
	LongPolls []string
}

// Interceptor intercepts the calls of the services that are registered with it. It is
// safe for concurrent use after the last registration.
type Interceptor struct {
	log         *slog.Logger
	recorder    *Recorder
	tracer      trace.Tracer
	metrics     *metrics
	methods     map[string]*method // by full method; read-only once calls are served
	maxInFlight int64
	inFlight    atomic.Int64 // without streams and long polls
	streams     atomic.Int64
	longPolls   []string
	repeats     *repeats
}

// New returns an interceptor without services. It registers its metrics, and panics if the
// registerer has them already.
func New(options Options) *Interceptor {
	i := &Interceptor{
		log: options.Log, recorder: NewRecorder(options.Log), tracer: options.Tracer, methods: map[string]*method{},
		maxInFlight: int64(options.MaxInFlight), longPolls: options.LongPolls, repeats: newRepeats(),
	}
	i.metrics = newMetrics(options.Metrics, func() float64 { return float64(i.inFlight.Load()) })
	return i
}

// InFlight returns the calls and the watches in flight.
func (i *Interceptor) InFlight() (calls, watches int) {
	return int(i.inFlight.Load()), int(i.streams.Load())
}

// Unary implements grpc.UnaryServerInterceptor. A panic of the handler becomes an error with
// outcome unknown. A call beyond the limit is logged and counted like any other.
func (i *Interceptor) Unary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (resp any, err error) {
	m := i.methods[info.FullMethod]
	if m == nil { // health checks, which machines make all day
		return handler(ctx, req)
	}
	c := callOf(ctx)
	c.Agent = agentOf(req)
	m.started.Inc()
	ctx, span := i.startSpan(ctx, m)
	inFlight := i.inFlight.Add(m.weight) // first counted, then compared: no two calls take the last place
	defer func() {                       // runs for a rejected call and after a panic, too
		i.inFlight.Add(-m.weight)
		if p := recover(); p != nil {
			err = outcome.Panicked(m.operation, p)
		}
		c.returnRequestID(ctx, err)
		i.finish(ctx, m, c, span, err)
	}()
	if inFlight > i.maxInFlight && m.weight > 0 {
		return nil, outcome.Overload(m.operation)
	}
	return handler(ctx, req)
}

// Stream implements grpc.StreamServerInterceptor. The limit does not apply. The log record
// of a stream is written at its end, and its agent is known only then: the handler receives
// the request.
func (i *Interceptor) Stream(
	service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler,
) (err error) {
	m := i.methods[info.FullMethod]
	if m == nil {
		return i.otherStream(service, stream, info, handler)
	}
	c := callOf(stream.Context())
	m.started.Inc()
	ctx, span := i.startSpan(stream.Context(), m)
	observed := &observedStream{ServerStream: stream, call: c}
	i.streams.Add(1)
	defer func() {
		i.streams.Add(-1)
		if p := recover(); p != nil {
			err = outcome.Panicked(m.operation, p)
		}
		observed.returnRequestID(err)
		c.Agent = agentOf(observed.request)
		i.finish(ctx, m, c, span, err)
	}()
	return handler(service, observed)
}

// otherStream handles a stream that no registered service has: reflection, the watch of
// health, or a method that does not exist, which is logged.
func (i *Interceptor) otherStream(
	service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler,
) error {
	err := handler(service, stream)
	if e, ok := err.(*outcome.Error); ok && e.Reason == outcome.NoSuchOperation.Reason {
		i.recorder.rejectedMethod(stream.Context(), info.FullMethod, e)
	}
	return err
}

// finish counts, traces and logs the end of a call. The handlers for its record have encoded
// the fixed attributes already. It builds no status of an error: the front builds the only
// one.
func (i *Interceptor) finish(ctx context.Context, m *method, c Request, span trace.Span, err error) {
	c.Took = time.Since(c.Start)
	e, _ := errors.AsType[*outcome.Error](err)
	code := codeOf(err, e)
	m.count(code, c.Took.Seconds())
	i.metrics.countError(m.operation, e)
	if span != nil {
		span.SetAttributes(attribute.String(rpcStatusKey, outcome.CodeName(code)))
		telemetry.EndSpan(span, err)
		c.setTrace(span)
	}
	level, handlers := LevelOf(e), m.failed
	if err == nil {
		handlers = m.applied
	}
	handler := handlers[c.Front]
	if !handler.Enabled(ctx, level) {
		return
	}
	var unlogged int64
	if m.retried && code == codes.Unauthenticated {
		var due bool
		if unlogged, due = i.repeats.due(m.operation, c.Agent, time.Now()); !due {
			return
		}
	}
	record := c.record(level)
	if err != nil {
		record.AddAttrs(slog.String(rpcStatusKey, outcome.CodeName(code)))
	}
	if e != nil {
		record.AddAttrs(FailureAttrs(e)...)
	}
	if unlogged > 0 {
		record.AddAttrs(slog.Int64("unlogged", unlogged))
	}
	_ = handler.Handle(ctx, record) // a failing log cannot be reported anywhere
}

// codeOf returns the code of err, whose *outcome.Error is e if it has one. An error that is
// none, such as that of a stream whose client has left, has a status.
func codeOf(err error, e *outcome.Error) codes.Code {
	if e != nil {
		return e.Code
	}
	return status.Code(err)
}

// startSpan starts the span of a call in the trace of its caller, with the attributes that
// OpenTelemetry defines for an RPC. The span is nil if nothing is traced.
func (i *Interceptor) startSpan(ctx context.Context, m *method) (context.Context, trace.Span) {
	if i.tracer == nil {
		return ctx, nil
	}
	return i.tracer.Start(telemetry.Extract(ctx), m.rpc,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("rpc.system.name", "grpc"), attribute.String(rpcMethodKey, m.rpc)))
}

// observedStream remembers the request of a stream, and returns its request ID once: with
// the first message, or at the end if there was none.
type observedStream struct {
	grpc.ServerStream
	request  any
	call     Request
	returned bool
}

func (s *observedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.request = m
	}
	return err
}

func (s *observedStream) SendMsg(m any) error {
	s.returnRequestID(nil)
	return s.ServerStream.SendMsg(m)
}

func (s *observedStream) returnRequestID(err error) {
	if !s.returned {
		s.returned = true
		s.call.returnRequestID(s.Context(), err)
	}
}

// OperationName returns the gateway's method name of an RPC: the RPC's name with a
// lower-case first letter, such as holdParticipant for /p.Service/HoldParticipant. It is
// empty if fullMethod has no name.
func OperationName(fullMethod string) string {
	name := fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}
