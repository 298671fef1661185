package interceptor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/server/internal/outcome"
)

// callRecord holds the fields of a call's log record. It never holds a GUID, phone
// number or voice path.
type callRecord struct {
	agent, requestID string
	start            time.Time
	took             time.Duration
}

// baseAttrs are the first attributes of every call's log record.
func baseAttrs(operation string, code codes.Code) []slog.Attr {
	return []slog.Attr{slog.String("operation", operation), slog.String("code", code.String())}
}

// appliedAttrs are the attributes that all records of an accepted operation share.
func appliedAttrs(operation string) []slog.Attr {
	return append(baseAttrs(operation, codes.OK),
		slog.String("retcode", outcome.Success), slog.String("outcome", string(outcome.Applied)))
}

// record builds the log record without slog.Logger, which would look up the calling
// line of code.
func (c callRecord) record(level slog.Level, first ...slog.Attr) slog.Record {
	r := slog.NewRecord(c.start.Add(c.took), level, "call", 0)
	r.AddAttrs(first...)
	r.AddAttrs(slog.String("agent", c.agent), slog.Duration("took", c.took), slog.String("request_id", c.requestID))
	return r
}

// logFailure writes the record of a call that returned err. A fault of agentconf is
// an error, an unknown outcome a warning.
func (c callRecord) logFailure(ctx context.Context, log *slog.Logger, operation string, err error) {
	e, _ := errors.AsType[*outcome.Error](err)
	level := levelOf(e)
	if !log.Enabled(ctx, level) {
		return
	}
	r := c.record(level, baseAttrs(operation, status.Code(err))...)
	if e != nil {
		r.AddAttrs(failureAttrs(e)...)
	}
	_ = log.Handler().Handle(ctx, r) // a failing log cannot be reported anywhere
}

func levelOf(e *outcome.Error) slog.Level {
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

func failureAttrs(e *outcome.Error) []slog.Attr {
	attrs := []slog.Attr{slog.String("reason", string(e.Reason)), slog.String("outcome", string(e.Outcome))}
	if e.Retcode != "" {
		attrs = append(attrs, slog.String("retcode", e.Retcode))
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	return attrs
}

// LogRejected writes the log record of a request that a front rejected before it
// became a call.
func LogRejected(ctx context.Context, log *slog.Logger, err *outcome.Error) {
	c := callRecord{requestID: requestIDOf(ctx), start: time.Now()}
	c.logFailure(ctx, log, err.Operation, err)
}
