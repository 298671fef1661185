package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"runtime/debug"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/server/conference"
)

// interceptor is what every call passes, whichever front it came by: it turns a
// panic into an error and writes one line of log.
type interceptor struct {
	log *slog.Logger
}

func (i *interceptor) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	if !strings.HasPrefix(info.FullMethod, "/agentconf.") { // health: asked for by machines, all day
		return handler(ctx, req)
	}
	start := time.Now()
	operation := operationOf(info.FullMethod)
	defer func() {
		if p := recover(); p != nil {
			err = conference.Internal(operation, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
		logCall(ctx, i.log, operation, agentOf(req), time.Since(start), err)
	}()
	return handler(ctx, req)
}

// stream is unary for streams, whose line is written at their end.
func (i *interceptor) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	if !strings.HasPrefix(info.FullMethod, "/agentconf.") {
		return handler(service, stream)
	}
	start := time.Now()
	operation := operationOf(info.FullMethod)
	asked := &requestStream{ServerStream: stream}
	defer func() {
		if p := recover(); p != nil {
			err = conference.Internal(operation, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
		logCall(stream.Context(), i.log, operation, agentOf(asked.request), time.Since(start), err)
	}()
	return handler(service, asked)
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

// logCall writes the one line of a call. It names no GUID, number or file.
func logCall(ctx context.Context, log *slog.Logger, operation, agent string, took time.Duration, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("operation", operation),
		slog.String("agent", agent),
		slog.String("code", status.Code(err).String()),
		slog.Duration("took", took),
	}
	var e *conference.Error
	if errors.As(err, &e) {
		attrs = append(attrs, slog.String("reason", e.Reason), slog.String("outcome", string(e.Outcome)))
		if e.Retcode != "" {
			attrs = append(attrs, slog.String("retcode", e.Retcode))
		}
		if cause := e.Unwrap(); cause != nil {
			attrs = append(attrs, slog.String("cause", cause.Error()))
		}
		if e.Outcome == conference.Unknown {
			level = slog.LevelWarn
		}
		if e.Code == codes.Internal {
			level = slog.LevelError
		}
	}
	log.LogAttrs(ctx, level, "call", attrs...)
}
