package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/server/conference"
)

// interceptor is what every call passes, whichever front it came by: it bounds the
// calls in flight, turns a panic into an error, counts, and writes one line of log.
// It is one piece, since a chain of them costs as much as the call of the gateway.
type interceptor struct {
	log         *slog.Logger
	methods     methods
	maxInFlight int64
	inFlight    atomic.Int64 // without streams
}

func newInterceptor(config Config) *interceptor {
	i := &interceptor{log: config.Log, maxInFlight: int64(config.MaxInFlight)}
	i.methods.log, i.methods.byName = config.Log, map[string]*method{}
	i.methods.metrics = newMetrics(config.Metrics, func() float64 { return float64(i.inFlight.Load()) })
	return i
}

func (i *interceptor) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	m := i.methods.byName[info.FullMethod]
	if m == nil { // health: asked for by machines, all day
		return handler(ctx, req)
	}
	start := time.Now()
	m.started.Inc()
	inFlight := i.inFlight.Add(1)
	defer func() {
		i.inFlight.Add(-1)
		if p := recover(); p != nil {
			err = panicked(m.operation, p)
		}
		i.ended(ctx, m, req, start, err)
	}()
	if inFlight > i.maxInFlight {
		return nil, conference.Overloaded(m.operation)
	}
	return handler(ctx, req)
}

// stream is unary for streams, whose line is written at their end.
func (i *interceptor) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	m := i.methods.byName[info.FullMethod]
	if m == nil {
		return handler(service, stream)
	}
	start := time.Now()
	m.started.Inc()
	asked := &requestStream{ServerStream: stream}
	defer func() {
		if p := recover(); p != nil {
			err = panicked(m.operation, p)
		}
		i.ended(stream.Context(), m, asked.request, start, err)
	}()
	return handler(service, asked)
}

func panicked(operation string, p any) error {
	return conference.Internal(operation, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
}

// ended counts and logs the end of a call.
func (i *interceptor) ended(ctx context.Context, m *method, req any, start time.Time, err error) {
	took := time.Since(start)
	m.ended(status.Code(err), took.Seconds())
	if err != nil {
		logFailure(ctx, i.log, m.operation, agentOf(req), start, took, err)
		return
	}
	if m.log.Enabled(ctx, slog.LevelInfo) {
		_ = m.log.Handle(ctx, callLine(slog.LevelInfo, agentOf(req), start, took))
	}
}

// requestStream remembers the request of a stream.
type requestStream struct {
	grpc.ServerStream
	request any
}

func (s *requestStream) RecvMsg(m any) error {
	s.request = m
	return s.ServerStream.RecvMsg(m)
}

// operationOf is the gateway's name of an RPC: by the rule of the contract the
// RPC has that name, capitalised.
func operationOf(fullMethod string) string {
	r := []rune(path.Base(fullMethod))
	r[0] = unicode.ToLower(r[0])
	return string(r)
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

// callAttrs and callLine are the one line of a call. It names no GUID, number or
// file.
func callAttrs(operation string, code codes.Code) []slog.Attr {
	return []slog.Attr{slog.String("operation", operation), slog.String("code", code.String())}
}

// callLine goes past slog.Logger, which would look for the place in the code that it
// is called at.
func callLine(level slog.Level, agent string, start time.Time, took time.Duration, first ...slog.Attr) slog.Record {
	line := slog.NewRecord(start.Add(took), level, "call", 0)
	line.AddAttrs(first...)
	line.AddAttrs(slog.String("agent", agent), slog.Duration("took", took))
	return line
}

// logFailure writes the line of a call that ended with err.
func logFailure(ctx context.Context, log *slog.Logger, operation, agent string, start time.Time, took time.Duration, err error) {
	level := slog.LevelInfo
	e, ours := errors.AsType[*conference.Error](err)
	switch {
	case !ours:
	case e.Code == codes.Internal:
		level = slog.LevelError
	case e.Outcome == conference.Unknown:
		level = slog.LevelWarn
	}
	if !log.Enabled(ctx, level) {
		return
	}
	line := callLine(level, agent, start, took, callAttrs(operation, status.Code(err))...)
	if ours {
		line.AddAttrs(slog.String("reason", e.Reason), slog.String("outcome", string(e.Outcome)))
		if e.Retcode != "" {
			line.AddAttrs(slog.String("retcode", e.Retcode))
		}
		if cause := e.Unwrap(); cause != nil {
			line.AddAttrs(slog.String("cause", cause.Error()))
		}
	}
	_ = log.Handler().Handle(ctx, line) // there is nowhere else to tell
}
