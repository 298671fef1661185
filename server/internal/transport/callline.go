package transport

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/server/internal/conference"
)

// call is what its line of log has of a call, however it ended. It names no GUID,
// number or file.
type call struct {
	agent, requestID string
	start            time.Time
	took             time.Duration
}

// attrs are the first attributes of the line of a call.
func attrs(operation string, code codes.Code) []slog.Attr {
	return []slog.Attr{slog.String("operation", operation), slog.String("code", code.String())}
}

// appliedAttrs are the attributes that every line of an accepted call has.
func appliedAttrs(operation string) []slog.Attr {
	return append(attrs(operation, codes.OK),
		slog.String("retcode", conference.Success), slog.String("outcome", string(conference.Applied)))
}

// line goes past slog.Logger, which would look for the place in the code that it is
// called at.
func (c call) line(level slog.Level, first ...slog.Attr) slog.Record {
	line := slog.NewRecord(c.start.Add(c.took), level, "call", 0)
	line.AddAttrs(first...)
	line.AddAttrs(slog.String("agent", c.agent), slog.Duration("took", c.took), slog.String("request_id", c.requestID))
	return line
}

// logFailure writes the line of a call that ended with err.
func (c call) logFailure(ctx context.Context, log *slog.Logger, operation string, err error) {
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
	line := c.line(level, attrs(operation, status.Code(err))...)
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
