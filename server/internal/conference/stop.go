package conference

import "time"

// lastPolls is how long watches may take to end before others do.
const lastPolls = pollPatience + time.Second

// Stop lets no watch and no poll begin, and ends in time what would otherwise go on for
// long. The gateway hands out an event once, so a watch ends no sooner than the poll
// that is under way for it, nor than the calls that wait for its events. What has not
// ended within the time does so then; a call that waited is told that nobody knows.
//
// Stop returns when nobody watches any more, after 11 s at the latest. Until then calls
// should still be taken: who watches makes them here, and would leave the watch behind
// if they failed.
func (s *Service) Stop(within time.Duration) {
	s.watches.stop()
	time.AfterFunc(within, s.watches.giveUp)
	left := make(chan struct{})
	go func() {
		s.watches.streams.Wait()
		close(left)
	}()
	select {
	case <-left:
	case <-time.After(min(within, lastPolls)):
	}
}

// stops reports whether the service is to stop.
func (ws *watches) stops() bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.stopping
}

// stop ends the watches that wait for nothing, and lets none begin.
func (ws *watches) stop() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.stopping = true
	for _, w := range ws.all() {
		ws.settle(w)
	}
}

// settle ends w if the service stops and w waits for nothing.
func (ws *watches) settle(w *watch) {
	if ws.stopping && !w.over && !w.asking && len(w.awaited) == 0 {
		ws.end(w, Stopping())
	}
}

// giveUp ends all watches.
func (ws *watches) giveUp() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.all() {
		ws.end(w, Stopping())
	}
}

// all are the watches that are not over.
func (ws *watches) all() (all []*watch) {
	for _, w := range ws.proven {
		all = append(all, w)
	}
	for _, w := range ws.unproven {
		all = append(all, w)
	}
	return all
}
