package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"agentconf/server/internal/conference"
)

// interceptor is what every call passes, whichever front it came by: it bounds the
// calls in flight, turns a panic into an error, counts, and writes one line of log.
// It is one piece, since a chain of them costs as much as the call of the gateway.
type interceptor struct {
	log         *slog.Logger
	tracer      trace.Tracer // nil if nothing is traced
	methods     methods
	rate        *agentRate
	maxInFlight int64
	inFlight    atomic.Int64 // without streams
}

func newInterceptor(config Config) *interceptor {
	i := &interceptor{log: config.Log, tracer: config.Tracer, rate: newAgentRate(config.AgentRate), maxInFlight: int64(config.MaxInFlight)}
	i.methods.log, i.methods.byName = config.Log, map[string]*method{}
	i.methods.metrics = newMetrics(config.Metrics, func() float64 { return float64(i.inFlight.Load()) })
	return i
}

func (i *interceptor) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	m := i.methods.byName[info.FullMethod]
	if m == nil { // health: asked for by machines, all day
		return handler(ctx, req)
	}
	start, agent, id := time.Now(), agentOf(req), requestIDOf(ctx)
	m.started.Inc()
	ctx, span := i.beginSpan(ctx, m)
	inFlight := i.inFlight.Add(1)
	defer func() {
		i.inFlight.Add(-1)
		if p := recover(); p != nil {
			err = panicked(m.operation, p)
		}
		returnRequestID(ctx, id, err)
		i.ended(ctx, m, call{agent, id, start, time.Since(start)}, span, err)
	}()
	if inFlight > i.maxInFlight {
		return nil, conference.Overloaded(m.operation)
	}
	if !i.rate.takes(agent, start) {
		return nil, conference.TooFast(m.operation, agent)
	}
	return handler(ctx, req)
}

// stream is unary for streams, whose line is written at their end.
func (i *interceptor) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	m := i.methods.byName[info.FullMethod]
	if m == nil {
		return handler(service, stream)
	}
	ctx := stream.Context()
	start, id := time.Now(), requestIDOf(ctx)
	m.started.Inc()
	ctx, span := i.beginSpan(ctx, m)
	asked := &callStream{ServerStream: stream, id: id}
	defer func() {
		if p := recover(); p != nil {
			err = panicked(m.operation, p)
		}
		asked.returnID(err)
		i.ended(ctx, m, call{agentOf(asked.request), id, start, time.Since(start)}, span, err)
	}()
	return handler(service, asked)
}

// panicked is the error of a call that ended in the panic p. Anything may be in p, also
// what nobody may read in a log, so that it is told by its type and its place in the
// code. Go's own panics are about types and numbers.
func panicked(operation string, p any) *conference.Error {
	said := fmt.Sprintf("%T", p)
	if own, ok := p.(runtime.Error); ok {
		said = own.Error()
	}
	return conference.Internal(operation, fmt.Errorf("panic: %s\n%s", said, debug.Stack()))
}

// ended counts and logs the end of a call, and ends its span, if it has one.
func (i *interceptor) ended(ctx context.Context, m *method, c call, span trace.Span, err error) {
	m.ended(status.Code(err), c.took.Seconds())
	endSpan(span, err)
	if err == nil {
		if m.log.Enabled(ctx, slog.LevelInfo) {
			_ = m.log.Handle(ctx, c.line(slog.LevelInfo))
		}
		return
	}
	if e, ours := errors.AsType[*conference.Error](err); ours && e.Outcome == conference.Unknown {
		i.methods.metrics.unknown.WithLabelValues(e.Reason, e.Code.String()).Inc()
	}
	c.logFailure(ctx, i.log, m.operation, err)
}

// callStream remembers the request of a stream, and returns its ID once.
type callStream struct {
	grpc.ServerStream
	request  any
	id       string
	returned bool
}

func (s *callStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.request = m
	}
	return err
}

func (s *callStream) SendMsg(m any) error {
	s.returnID(nil)
	return s.ServerStream.SendMsg(m)
}

func (s *callStream) returnID(err error) {
	if !s.returned {
		s.returned = true
		returnRequestID(s.Context(), s.id, err)
	}
}

// operationOf is the gateway's name of an RPC: by the rule of the contract the
// RPC has that name, capitalised. It is empty if it is not known which RPC it is.
func operationOf(fullMethod string) string {
	name := fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// agentOf is the agent ID of req if it looks like one: anything else is what
// somebody mistyped, and may be a secret.
func agentOf(req any) string {
	r, ok := req.(interface{ GetAgentId() string })
	if !ok {
		return ""
	}
	id := r.GetAgentId()
	if len(id) > 6 || strings.ContainsFunc(id, func(c rune) bool { return c < '0' || c > '9' }) {
		return ""
	}
	return id
}
