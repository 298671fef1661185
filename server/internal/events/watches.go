package events

import (
	"crypto/subtle"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

const (
	// maxKeptEvents bounds the events that are kept for an agent. The oldest is dropped
	// first.
	maxKeptEvents = 1000

	// replayWindow is how long the events of an agent without watchers are kept. The
	// gateway signs an agent out after the same time without a poll (page 1202).
	replayWindow = 2 * time.Minute

	// watcherQueue is how many items a watcher may be behind. The next one evicts it.
	watcherQueue = 256
)

type streamItem = agentconfv1.WatchAgentEventsResponse

// watches holds the watch of every watched agent. It is all the state of the process.
type watches struct {
	poll    pollFunc
	metrics *metrics
	streams sync.WaitGroup // of watchers

	mu sync.Mutex // guards everything below, and every watch

	// proven holds, by agent ID, the watches whose GUID the gateway has accepted. The
	// others are in unproven by agent ID and GUID, so that a caller with a wrong GUID
	// disturbs nobody.
	proven   map[string]*watch
	unproven map[[2]string]*watch

	stopping bool // no watch starts any more
}

// watch holds the events of one agent, and its watchers. Its life:
//
//	unproven   the gateway has not answered a poll with its GUID yet
//	proven     it has (adopt); later watchers need the current or the last told GUID
//	idle       no watcher and no confirmation is left; the poll loop has ended, and the
//	           events are kept for the replay window (nextPoll)
//	over       the session has ended, another watch was proven first, or the service
//	           stops (end); its watchers have received the error
type watch struct {
	agentID      string
	guid         string // the current one
	cookie       string // of the newest watcher that has one, for the polls
	previousGUID string // the one before it, which calls in flight may still have
	lastToldGUID string // the newest that a watcher has received, if it is not guid
	running      bool   // the poll loop runs
	polling      bool   // a poll is in flight
	failing      bool   // the last poll failed
	over         bool
	ended        chan struct{} // closed when over

	watchers []*watcher
	kept     []*agentconfv1.AgentEvent
	dropped  int64 // sequence of the last event that is no longer kept
	last     int64 // sequence of the last event

	confirmations map[operation.Participant]*Confirmation
	expiry        *time.Timer // ends a watch without watchers
}

// watcher is one stream of events to a caller.
type watcher struct {
	agentID string
	queue   chan *streamItem // closed at the end
	err     error            // why the stream ended, once queue is closed
}

func newWatches(poll pollFunc, r prometheus.Registerer) *watches {
	ws := &watches{poll: poll, proven: map[string]*watch{}, unproven: map[[2]string]*watch{}}
	ws.metrics = newMetrics(r, ws)
	return ws
}

// enter adds a watcher of an agent. It starts the poll loop for the first one.
func (ws *watches) enter(agentID, guid, cookie string, after *int64) (*watch, *watcher, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.stopping {
		return nil, nil, outcome.Stop()
	}
	w := ws.lookup(agentID, guid)
	if w != nil && !equalGUID(guid, w.guid) && !equalGUID(guid, w.lastToldGUID) {
		return nil, nil, staleGUID(agentID)
	}
	if after != nil && (w == nil || *after < w.dropped || *after > w.last) {
		return nil, nil, sequenceNotKept(agentID)
	}
	if w == nil {
		w = newWatch(agentID, guid)
		ws.unproven[[2]string{agentID, guid}] = w
	}
	if cookie != "" {
		w.cookie = cookie
	}
	me := w.newWatcher(guid, after)
	w.watchers = append(w.watchers, me)
	ws.streams.Add(1)
	if w.expiry != nil {
		w.expiry.Stop()
	}
	if !w.running {
		w.running = true
		go ws.pollLoop(w)
	}
	return w, me, nil
}

// lookup returns the watch that a caller with guid would share, or nil.
func (ws *watches) lookup(agentID, guid string) *watch {
	if w := ws.proven[agentID]; w != nil {
		return w
	}
	return ws.unproven[[2]string{agentID, guid}]
}

// newWatch takes its first sequence from the clock, so that the sequences of another
// process, or of an earlier watch, are never among its own.
func newWatch(agentID, guid string) *watch {
	first := time.Now().UnixMilli() * 1000
	return &watch{
		agentID: agentID, guid: guid, dropped: first, last: first,
		confirmations: map[operation.Participant]*Confirmation{}, ended: make(chan struct{}),
	}
}

// equalGUID compares in constant time. No caller's GUID equals an empty want, since Check
// rejects an empty GUID.
func equalGUID(got, want string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// knows reports whether guid is the current one of the watch, or the one before it, which a
// caller may still have if a poll has just changed the GUID.
func (w *watch) knows(guid string) bool {
	return equalGUID(guid, w.guid) || equalGUID(guid, w.previousGUID)
}

// newWatcher returns a watcher whose queue holds its first items: the start, a GUID
// that the caller does not have yet, and the events that it missed. The queue has room for
// these beside watcherQueue, so that none of the sends blocks under the lock.
func (w *watch) newWatcher(guid string, after *int64) *watcher {
	from := w.last
	if after != nil {
		from = *after
	}
	missed := w.eventsAfter(from)
	me := &watcher{agentID: w.agentID, queue: make(chan *streamItem, watcherQueue+2+len(missed))}
	me.queue <- &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_Started{
		Started: &agentconfv1.WatchStarted{LastSequence: from},
	}}
	if guid != w.guid {
		me.queue <- guidItem(w.guid)
		w.lastToldGUID = ""
	}
	for _, event := range missed {
		me.queue <- eventItem(event)
	}
	return me
}

func (w *watch) eventsAfter(sequence int64) []*agentconfv1.AgentEvent {
	i := slices.IndexFunc(w.kept, func(e *agentconfv1.AgentEvent) bool { return e.GetSequence() > sequence })
	if i < 0 {
		return nil
	}
	return w.kept[i:]
}

// leave removes a watcher whose caller has left. The poll loop ends by itself after its
// poll, which must not be abandoned.
func (ws *watches) leave(w *watch, me *watcher) {
	defer ws.streams.Done()
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w.watchers = slices.DeleteFunc(w.watchers, func(other *watcher) bool { return other == me })
}

// broadcast queues an item for every watcher. A watcher with a full queue is evicted:
// it must neither delay the others nor miss an item without notice.
func (ws *watches) broadcast(w *watch, item *streamItem) {
	w.watchers = slices.DeleteFunc(w.watchers, func(each *watcher) bool {
		select {
		case each.queue <- item:
			return false
		default:
			ws.evict(each, watcherTooSlow(w.agentID))
			return true
		}
	})
}

// evict ends the stream of a watcher with err, after the items that its queue still holds.
// The error is set before the queue is closed, as forward reads it without the lock.
func (ws *watches) evict(each *watcher, err *outcome.Error) {
	ws.metrics.evicted.WithLabelValues(string(err.Reason)).Inc()
	each.err = err
	close(each.queue)
}

// end ends a watch for good, the streams of all its watchers, and its confirmations. It must
// not be called twice, since it closes channels.
func (ws *watches) end(w *watch, err *outcome.Error) {
	w.over = true
	close(w.ended)
	for _, each := range w.watchers {
		ws.evict(each, err)
	}
	w.watchers = nil
	for _, c := range w.confirmations {
		close(c.event)
	}
	w.confirmations = nil
	ws.remove(w)
}

// remove takes a watch out of the maps.
func (ws *watches) remove(w *watch) {
	if ws.proven[w.agentID] == w {
		delete(ws.proven, w.agentID)
	}
	for key, other := range ws.unproven {
		if other == w {
			delete(ws.unproven, key)
		}
	}
}

// active returns the watches that are not over.
func (ws *watches) active() (all []*watch) {
	for _, w := range ws.proven {
		all = append(all, w)
	}
	for _, w := range ws.unproven {
		all = append(all, w)
	}
	return all
}

func (ws *watches) agentCount() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.proven) + len(ws.unproven)
}

func (ws *watches) watcherCount() (n int) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.active() {
		n += len(w.watchers)
	}
	return n
}

func guidItem(guid string) *streamItem {
	return &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_GuidChanged{
		GuidChanged: &agentconfv1.GuidChanged{Guid: guid},
	}}
}

func eventItem(event *agentconfv1.AgentEvent) *streamItem {
	return &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_Event{Event: event}}
}
