package events

import (
	"log/slog"
	"sync"
	"time"

	"agentconf/server/internal/outcome"
)

// failureInterval is the least time between two log records of failed polls. In an outage
// of the gateway every watched agent has one.
const failureInterval = time.Second

// failureLog logs the failed polls of all logs: at most one record in failureInterval, with
// the number of those before it that have none.
type failureLog struct {
	log *slog.Logger

	mu       sync.Mutex
	next     time.Time
	unlogged int
}

func (f *failureLog) record(agentID string, err *outcome.Error) {
	unlogged, due := f.due(time.Now())
	if !due {
		return
	}
	attrs := []any{"agent", agentID, "reason", err.Reason, "unlogged", unlogged}
	if err.Cause != nil {
		attrs = append(attrs, "cause", err.Cause.Error())
	}
	f.log.Warn("poll failed", attrs...)
}

// due counts a failed poll, and reports whether it is logged.
func (f *failureLog) due(now time.Time) (unlogged int, due bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.next) {
		f.unlogged++
		return 0, false
	}
	unlogged = f.unlogged
	f.unlogged, f.next = 0, now.Add(failureInterval)
	return unlogged, true
}
