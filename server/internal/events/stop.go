package events

import (
	"maps"
	"slices"
	"time"

	"agentconf/server/internal/outcome"
)

// lastPoll bounds the time that a stopping log waits for the poll in flight.
const lastPoll = longPoll + time.Second

// Stop ends the service within the time. No consumer enters and no poll starts any more. The
// gateway hands out an event once, so a log ends when the poll in flight for it and the
// calls that wait for its events have ended. Whatever has not ended within the time
// ends then; a waiting call fails with outcome unknown.
//
// Stop returns when no consumer is left, after 11 s at the latest. Until then calls
// should be accepted: watchers make them here, and would leave if they failed.
func (s *Service) Stop(within time.Duration) {
	s.logs.stop()
	time.AfterFunc(within, s.logs.endAll)
	left := make(chan struct{})
	go func() {
		defer s.logs.guard.Recover("stop")
		s.logs.consuming.Wait()
		close(left)
	}()
	select {
	case <-left:
	case <-time.After(min(within, lastPoll)):
	}
}

// stop ends the logs at rest, and lets no consumer enter.
func (ls *logs) stop() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.stopping = true
	ls.handleAll(stopped)
}

// endAll ends every log, even with a poll or a call in flight.
func (ls *logs) endAll() {
	defer ls.guard.Recover("stop")
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.handleAll(timeUp)
}

// handleAll applies an input of the stop to every log.
func (ls *logs) handleAll(in input) {
	all := slices.AppendSeq(slices.Collect(maps.Values(ls.proven)), maps.Values(ls.unproven))
	all = slices.AppendSeq(all, maps.Keys(ls.orphans))
	for _, l := range all {
		ls.handle(l, in, outcome.Stop())
	}
}
