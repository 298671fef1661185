package conference

import (
	"context"
	"crypto/subtle"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	// keptEvents is how many events of an agent a watcher may have missed.
	keptEvents = 1000

	// lingering is how long events are kept when nobody watches any more. The
	// gateway signs an agent out who is not polled for as long (page 1202).
	lingering = 2 * time.Minute

	// watcherQueue is how many messages a watcher may be behind.
	watcherQueue = 256
)

type message = agentconfv1.WatchAgentEventsResponse

// watches are the agents that are being watched. They are all the state there is
// in this process, and live as long as their watchers, or a little longer.
type watches struct {
	mu sync.Mutex // of everything below, too

	// proven has the watches whose GUID the gateway has accepted, by agent ID. Until
	// then they stand in unproven by agent ID and GUID, so that somebody with a wrong
	// GUID is in nobody's way.
	proven   map[string]*watch
	unproven map[[2]string]*watch

	stopping bool           // no watch begins any more
	streams  sync.WaitGroup // of watchers

	metrics *metrics
}

// watch is the events of one agent and who watches them.
type watch struct {
	agentID string
	guid    string // the present one
	before  string // the one before, which calls under way may still have
	untold  string // the latest that any watcher was told, if it is not the present one
	polling bool
	asking  bool          // a poll is under way
	failing bool          // the last poll failed
	over    bool          // the agent is signed out
	ended   chan struct{} // closed when it is over

	watchers  []*watcher
	kept      []*agentconfv1.AgentEvent
	forgotten int64 // sequence of the last event that is not kept
	last      int64 // sequence of the last event

	awaited map[participant]*confirmation
	expiry  *time.Timer
}

// watcher is one stream.
type watcher struct {
	agentID string
	queue   chan *message // closed at the end
	err     error         // why it ended, once queue is closed
}

func newWatches() *watches {
	return &watches{proven: map[string]*watch{}, unproven: map[[2]string]*watch{}}
}

// WatchAgentEvents streams the agent's events.
func (s *Service) WatchAgentEvents(req *agentconfv1.WatchAgentEventsRequest, stream grpc.ServerStreamingServer[message]) error {
	const name = "watchAgentEvents"
	ctx := stream.Context()
	guid, err := guidOf(ctx, name)
	if err != nil {
		return err
	}
	if faults := s.agentIDFaults(req.GetAgentId()); faults != nil {
		return InvalidArgument(name, faults...)
	}
	w, me, err := s.watches.enter(req.GetAgentId(), guid, req.AfterSequence, s.pollOnce)
	if err != nil {
		return err
	}
	defer s.watches.leave(w, me)
	return me.forward(ctx, stream)
}

// forward sends what is queued until the watch ends or the caller goes.
func (me *watcher) forward(ctx context.Context, stream grpc.ServerStreamingServer[message]) error {
	for {
		select {
		case m, open := <-me.queue:
			if !open {
				return me.err
			}
			if err := stream.Send(m); err != nil {
				return err
			}
		case <-ctx.Done():
			return watcherGone(me.agentID, ctx.Err())
		}
	}
}

// enter adds a watcher of an agent, and begins to poll if it is the first.
func (ws *watches) enter(agentID, guid string, after *int64, pollOnce pollFunc) (*watch, *watcher, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.stopping {
		return nil, nil, Stopping()
	}
	w := ws.of(agentID, guid)
	if w != nil && !same(guid, w.guid) && !same(guid, w.untold) {
		return nil, nil, guidStale(agentID)
	}
	if after != nil && (w == nil || *after < w.forgotten || *after > w.last) {
		return nil, nil, outOfRange(agentID)
	}
	if w == nil {
		w = newWatch(agentID, guid)
		ws.unproven[[2]string{agentID, guid}] = w
	}
	me := w.newWatcher(guid, after)
	w.watchers = append(w.watchers, me)
	ws.streams.Add(1)
	if w.expiry != nil {
		w.expiry.Stop()
	}
	if !w.polling {
		w.polling = true
		go ws.poll(w, pollOnce)
	}
	return w, me, nil
}

// of is the watch that a caller with guid would share.
func (ws *watches) of(agentID, guid string) *watch {
	if w := ws.proven[agentID]; w != nil {
		return w
	}
	return ws.unproven[[2]string{agentID, guid}]
}

// newWatch begins the numbers of its events with the clock, so that those of
// another process, or of an earlier watch, are never among them.
func newWatch(agentID, guid string) *watch {
	first := time.Now().UnixMilli() * 1000
	return &watch{
		agentID: agentID, guid: guid, forgotten: first, last: first,
		awaited: map[participant]*confirmation{}, ended: make(chan struct{}),
	}
}

// same compares what callers show with what they have to, which is never empty.
func same(shown, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(shown), []byte(secret)) == 1
}

// newWatcher returns a watcher with what it is told first.
func (w *watch) newWatcher(guid string, after *int64) *watcher {
	from := w.last
	if after != nil {
		from = *after
	}
	missed := slices.IndexFunc(w.kept, func(e *agentconfv1.AgentEvent) bool { return e.GetSequence() > from })
	if missed < 0 {
		missed = len(w.kept)
	}
	me := &watcher{agentID: w.agentID, queue: make(chan *message, watcherQueue+2+len(w.kept)-missed)}
	me.queue <- &message{Message: &agentconfv1.WatchAgentEventsResponse_Started{
		Started: &agentconfv1.WatchStarted{LastSequence: from},
	}}
	if guid != w.guid {
		me.queue <- guidChanged(w.guid)
		w.untold = ""
	}
	for _, event := range w.kept[missed:] {
		me.queue <- eventMessage(event)
	}
	return me
}

// leave takes a watcher out whose caller has gone.
func (ws *watches) leave(w *watch, me *watcher) {
	defer ws.streams.Done()
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w.watchers = slices.DeleteFunc(w.watchers, func(other *watcher) bool { return other == me })
}

// tell gives every watcher a message. One that has no room for it has to go: it
// must neither delay the others nor miss something unawares.
func (ws *watches) tell(w *watch, m *message) {
	w.watchers = slices.DeleteFunc(w.watchers, func(each *watcher) bool {
		select {
		case each.queue <- m:
			return false
		default:
			ws.lose(each, tooSlow(w.agentID))
			return true
		}
	})
}

// lose ends a stream whose caller did not ask for it.
func (ws *watches) lose(me *watcher, err *Error) {
	ws.metrics.lost.WithLabelValues(err.Reason).Inc()
	me.err = err
	close(me.queue)
}

// end ends a watch for good, and all who watch it.
func (ws *watches) end(w *watch, err *Error) {
	w.over = true
	close(w.ended)
	for _, each := range w.watchers {
		ws.lose(each, err)
	}
	w.watchers = nil
	for _, c := range w.awaited {
		close(c.event)
	}
	w.awaited = nil
	ws.forget(w)
}

// agents is how many agents have a watch.
func (ws *watches) agents() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.proven) + len(ws.unproven)
}

// watchers is how many streams there are.
func (ws *watches) watchers() (n int) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.proven {
		n += len(w.watchers)
	}
	for _, w := range ws.unproven {
		n += len(w.watchers)
	}
	return n
}

func (ws *watches) forget(w *watch) {
	if ws.proven[w.agentID] == w {
		delete(ws.proven, w.agentID)
	}
	for key, other := range ws.unproven {
		if other == w {
			delete(ws.unproven, key)
		}
	}
}
