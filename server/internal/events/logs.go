package events

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

// logs holds the log of every agent that is watched, or whose events a program polls. It is
// all the state of the service.
type logs struct {
	newPolls  func() polls
	log       *slog.Logger
	guard     *telemetry.Guard
	heartbeat time.Duration // of a silent watch
	limit     int           // consumers, and pollers
	metrics   *metrics
	newStore  func(first int64) store
	keptBytes atomic.Int64
	consuming sync.WaitGroup // consumers
	failures  failureLog

	mu sync.Mutex // guards everything below, and every log

	// proven holds, by agent ID, the logs whose GUID the gateway has accepted: those in
	// state live, idle or, while the service stops, closing.
	proven   map[string]*eventLog
	unproven map[key]*eventLog
	orphans  map[*eventLog]struct{}

	consumers int // watches and callers of GetAgentEvent
	pollers   int
	stopping  bool // no consumer enters any more
}

func newLogs(newPolls func() polls, o Options) *logs {
	ls := &logs{
		newPolls: newPolls, log: o.Log, guard: o.Guard, heartbeat: o.Heartbeat, limit: o.MaxWatches,
		proven: map[string]*eventLog{}, unproven: map[key]*eventLog{}, orphans: map[*eventLog]struct{}{},
	}
	start := time.Now()
	clock := func() time.Duration { return time.Since(start) }
	ls.newStore = func(first int64) store { return newMemory(first, clock, &ls.keptBytes) }
	ls.failures.log = o.Log
	ls.metrics = newMetrics(o.Metrics, ls)
	return ls
}

// find returns the log that a new consumer shares. It adds an unproven one if there is none,
// or if the agent's own log has another GUID. The caller adds the consumer with join.
func (ls *logs) find(operation, agentID, guid string) (*eventLog, error) {
	if ls.stopping {
		return nil, outcome.Stop()
	}
	if ls.consumers >= ls.limit || ls.pollers >= ls.limit {
		return nil, tooManyWatches(operation)
	}
	if l := ls.known(agentID, guid); l != nil {
		return l, nil
	}
	if len(ls.unproven) >= max(ls.limit/2, 1) {
		return nil, tooManyWatches(operation)
	}
	l := ls.newLog(key{agentID, guid})
	ls.unproven[l.key] = l
	return l, nil
}

// known returns the log that a caller with guid shares, or nil.
func (ls *logs) known(agentID, guid string) *eventLog {
	if l := ls.proven[agentID]; l != nil && l.admits(guid) {
		return l
	}
	return ls.unproven[key{agentID, guid}]
}

// newLog takes its first sequence from the clock, so that the sequences of another process,
// or of an earlier log, are never among its own.
func (ls *logs) newLog(k key) *eventLog {
	first := time.Now().UnixMilli() * 1000
	l := &eventLog{
		key: k, guid: k.guid, store: ls.newStore(first), last: first,
		consumers: map[*consumer]struct{}{}, asked: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	l.drop = l.store.subscribe(func(e entry) { ls.apply(l, e) })
	return l
}

// join counts a new consumer of l. leave follows.
func (ls *logs) join(l *eventLog, from caller) {
	ls.consumers++
	ls.consuming.Add(1)
	if equalGUID(from.guid, l.guid) {
		l.delivered = expiringGUID{}
	}
	if from.cookie != "" {
		l.cookie = from.cookie
	}
	ls.handle(l, joined, nil)
}

// leave follows join when a consumer, whose newest GUID is guid, is gone from l. An unproven
// log is dropped with its last one. The poll of any other is finished: it may have an event.
func (ls *logs) leave(l *eventLog, guid string) {
	ls.consumers--
	ls.consuming.Done()
	l.delivered = expiringGUID{guid, time.Now().Add(replayWindow)}
	if l.state == unproven && !l.wanted() {
		ls.handle(l, deserted, nil)
	}
	ls.dropEnded(l)
}

// dropEnded drops the entries of a log that has ended, once nobody reads them.
func (ls *logs) dropEnded(l *eventLog) {
	if l.state == ended && len(l.consumers)+len(l.desk.calls) == 0 {
		l.drop()
	}
}

// startPolls starts the poller of l, if it does not run.
func (ls *logs) startPolls(l *eventLog) {
	if l.running {
		return
	}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	l.running = true
	ls.pollers++
	p := &poller{
		logs: ls, log: l, polls: ls.newPolls(), ctx: ctx,
		timer: time.NewTimer(pollPause), done: make(chan struct{}, 1),
	}
	go p.run()
}

// startExpiry ends l after the replay window, unless a consumer enters.
func (ls *logs) startExpiry(l *eventLog) {
	var timer *time.Timer
	timer = time.AfterFunc(replayWindow, func() {
		defer ls.guard.Recover("replay window")
		ls.mu.Lock()
		defer ls.mu.Unlock()
		if l.expiry == timer { // it fired while a consumer entered and left
			ls.handle(l, expired, nil)
		}
	})
	l.expiry = timer
}

// atRest handles the inputs of a log without a poll in flight, and without a call.
func (ls *logs) atRest(l *eventLog) {
	if l.polling {
		return
	}
	ls.handle(l, polled, l.cause)
	if l.confirmations.waiting() == 0 {
		ls.handle(l, settled, l.cause)
	}
}

// end ends l. The consumers read what is left, and then leave
// with the cause. The last of them drops the entries.
func (ls *logs) end(l *eventLog, cause *outcome.Error) {
	l.cause, l.cut = cause, l.polling
	if ls.proven[l.key.agentID] == l {
		delete(ls.proven, l.key.agentID)
	}
	if ls.unproven[l.key] == l {
		delete(ls.unproven, l.key)
	}
	delete(ls.orphans, l)
	close(l.ended)
	if l.cancel != nil {
		l.cancel()
	}
	if cause != nil { // otherwise nobody is left
		l.confirmations.end(cause)
		ls.metrics.lost(cause, len(l.consumers))
	}
	ls.dropEnded(l)
}

// accept takes in that the gateway has accepted the GUID of l, and returns the log for what
// it answered. If another log of the agent is live, with another GUID, l ends: the service
// cannot know which GUID is the newer one. An idle one makes room for l.
func (ls *logs) accept(l *eventLog) *eventLog {
	first := ls.proven[l.key.agentID]
	if l.state != unproven || first == nil {
		ls.handle(l, accepted, nil)
		return l
	}
	if first.state == live {
		ls.handle(l, outrun, staleGUID(l.key.agentID))
		return first
	}
	ls.handle(first, outrun, nil)
	ls.handle(l, accepted, nil)
	return l
}

// renewable returns the log whose GUID shown the gateway has replaced by issued, or nil if
// there is none, or if it has issued already. A log with another GUID is left to its next
// poll: its consumers may be those of an earlier session.
func (ls *logs) renewable(agentID, shown, issued string) *eventLog {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.known(agentID, shown)
	if l == nil || issued == "" {
		return nil
	}
	if l = ls.accept(l); equalGUID(issued, l.guid) {
		return nil
	}
	return l
}

// wake lets the consumers of l read. A watch with too many unread entries ends: it must
// neither delay the others nor miss an entry without notice.
func (ls *logs) wake(l *eventLog) {
	for c := range l.consumers {
		if l.applied-c.read > maxUnread {
			ls.evict(l, c)
			continue
		}
		notify(c.wake)
	}
	for call := range l.desk.calls {
		notify(call.wake)
	}
}

// notify wakes the only reader of a channel with room for one value.
func notify(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
