package events

import (
	"time"

	"agentconf/server/internal/outcome"
)

// lastPoll bounds the time that a stopping watch waits for the poll in flight.
const lastPoll = longPoll + time.Second

// Stop ends the service within the time. No watch and no poll starts any more. The
// gateway hands out an event once, so a watch ends when the poll in flight for it and
// the calls that wait for its events have ended. Whatever has not ended within the time
// ends then; a waiting call fails with outcome unknown.
//
// Stop returns when no watcher is left, after 11 s at the latest. Until then calls
// should be accepted: watchers make them here, and would leave if they failed.
func (s *Service) Stop(within time.Duration) {
	s.watches.stop()
	time.AfterFunc(within, s.watches.endAll)
	left := make(chan struct{})
	go func() {
		s.watches.streams.Wait()
		close(left)
	}()
	select {
	case <-left:
	case <-time.After(min(within, lastPoll)):
	}
}

func (ws *watches) isStopping() bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.stopping
}

// stop ends the idle watches, and lets none start.
func (ws *watches) stop() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.stopping = true
	for _, w := range ws.active() {
		ws.endIfIdle(w)
	}
}

// endIfIdle ends w if the service is stopping and no poll or call is in flight for w.
func (ws *watches) endIfIdle(w *watch) {
	if ws.stopping && !w.over && !w.polling && len(w.confirmations) == 0 {
		ws.end(w, outcome.Stop())
	}
}

// endAll ends every watch, even with a poll or a call in flight.
func (ws *watches) endAll() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.active() {
		ws.end(w, outcome.Stop())
	}
}
