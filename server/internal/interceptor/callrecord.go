package interceptor

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"

	"agentconf/server/internal/outcome"
)

// callRecord holds the fields of a call's log record. It never holds a GUID, phone
// number or voice path.
type callRecord struct {
	agent     string // empty if the request has no agent ID of the right form
	requestID string
	start     time.Time
	took      time.Duration // set at the end
}

// baseAttrs returns the first attributes of every call's log record.
func baseAttrs(operation string, code codes.Code) []slog.Attr {
	return []slog.Attr{slog.String("operation", operation), slog.String("code", code.String())}
}

// appliedAttrs returns the attributes that all records of an accepted operation share. The
// handler of a method has encoded them once, before any call.
func appliedAttrs(operation string) []slog.Attr {
	return append(baseAttrs(operation, codes.OK),
		slog.String("retcode", outcome.Success), slog.String("outcome", string(outcome.Applied)))
}

// record returns the log record, with first before the other attributes. A record that is
// built here, and not by slog.Logger, spares the look-up of the calling line of code.
func (c callRecord) record(level slog.Level, first ...slog.Attr) slog.Record {
	r := slog.NewRecord(c.start.Add(c.took), level, "call", 0)
	r.AddAttrs(first...)
	r.AddAttrs(slog.String("agent", c.agent), slog.Duration("took", c.took),
		slog.String("request_id", c.requestID))
	return r
}

// logFailure writes the record of a call that failed with a code. e is nil if the error is
// not one of agentconf, such as that of a stream whose client has left.
func (c callRecord) logFailure(
	ctx context.Context, log *slog.Logger, operation string, code codes.Code, e *outcome.Error,
) {
	level := LevelOf(e)
	if !log.Enabled(ctx, level) {
		return
	}
	r := c.record(level, baseAttrs(operation, code)...)
	if e != nil {
		r.AddAttrs(FailureAttrs(e)...)
	}
	_ = log.Handler().Handle(ctx, r) // a failing log cannot be reported anywhere
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

// FailureAttrs returns the attributes of a failure, for a record.
func FailureAttrs(e *outcome.Error) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("reason", string(e.Reason)), slog.String("outcome", string(e.Outcome)),
	}
	if e.Retcode != "" {
		attrs = append(attrs, slog.String("retcode", e.LoggedRetcode()))
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	return attrs
}

// LogRejected writes the log record of a request that a front rejected before it
// became a call. ctx has the request ID in its incoming metadata; without one the record
// has a new ID. The record has no agent.
func LogRejected(ctx context.Context, log *slog.Logger, err *outcome.Error) {
	c := callRecord{requestID: RequestIDOf(ctx), start: time.Now()}
	c.logFailure(ctx, log, err.Operation, err.Code, err)
}
