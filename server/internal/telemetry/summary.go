package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// summaryInterval is the shortest time between two log records of a Summary.
const summaryInterval = time.Minute

// Summary logs a thing that strangers can cause as often as they like, in at most one record
// a minute. The first time is logged at once. The attribute count has the times since the
// record before; the other attributes are those of the last time.
//
//	state    input             next state  effect
//	idle     Add               waiting     a record with count 1
//	waiting  Add               waiting     counted
//	waiting  a minute, some    waiting     a record with their count
//	waiting  a minute, none    idle        none
type Summary struct {
	log     *slog.Logger
	level   slog.Level
	message string

	mu      sync.Mutex // guards the fields below
	waiting bool
	count   int // since the last record
	last    []slog.Attr
}

// NewSummary returns a summary whose records have a level and a message.
func NewSummary(log *slog.Logger, level slog.Level, message string) *Summary {
	return &Summary{log: log, level: level, message: message}
}

// Add counts one time, and logs it if a minute has passed since the last record.
func (s *Summary) Add(attrs ...slog.Attr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	s.last = attrs
	if !s.waiting {
		s.waiting = true
		s.write()
	}
}

// write logs the times since the last record and starts the next minute. The caller holds
// s.mu.
func (s *Summary) write() {
	attrs := append([]slog.Attr{slog.Int("count", s.count)}, s.last...)
	s.count, s.last = 0, nil
	s.log.LogAttrs(context.Background(), s.level, s.message, attrs...)
	time.AfterFunc(summaryInterval, s.endMinute)
}

func (s *Summary) endMinute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 {
		s.waiting = false
		return
	}
	s.write()
}
