package events

import (
	"cmp"
	"context"
	"time"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// maxUnread is how many entries a watch may be behind. The next one evicts it.
const maxUnread = 256

type streamItem = agentconfv1.WatchAgentEventsResponse

// consumer is one watch: a stream of a log's entries to a caller. The goroutine of the
// stream owns it, but for the fields that the lock of logs guards.
type consumer struct {
	logs    *logs
	log     *eventLog
	guid    string        // the newest that the caller has received
	cursor  int64         // position of the last entry that was sent
	entered int64         // position of the last entry before the watch
	wake    chan struct{} // an entry was appended
	evicted chan struct{} // closed when the watch is evicted

	read int64 // guarded by logs.mu: cursor after the last batch, at least entered
}

// enter adds a watch of an agent and returns it with its first items. An agent that is
// already watched with another GUID is no reason for another poll: only UpdateGuid at the
// gateway, or a poll that fails, can show which one is the newer.
func (ls *logs) enter(agentID string, from caller, after *int64) (*consumer, []*streamItem, error) {
	guid := from.guid
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.proven[agentID]; l != nil && l.state == live && !l.failing && !l.admits(guid) && !ls.stopping {
		return nil, nil, staleGUID(agentID)
	}
	l, err := ls.find(watchOperation, agentID, guid)
	if err != nil {
		return nil, nil, err
	}
	c := &consumer{
		logs: ls, log: l, guid: guid, entered: l.applied, read: l.applied,
		wake: make(chan struct{}, 1), evicted: make(chan struct{}),
	}
	started := c.start(after)
	first := []*streamItem{{Message: &agentconfv1.WatchAgentEventsResponse_Started{Started: started}}}
	if !equalGUID(guid, l.guid) {
		first = append(first, guidItem(l.guid))
	}
	l.consumers[c] = struct{}{}
	ls.join(l, from)
	return c, first, nil
}

// start sets the cursor behind the event with sequence after, or behind the last entry. Behind
// that event are also the polls that may have lost one.
func (c *consumer) start(after *int64) *agentconfv1.WatchStarted {
	l := c.log
	c.cursor = l.applied
	if after == nil {
		return &agentconfv1.WatchStarted{LastSequence: l.last}
	}
	oldest := l.last // sequence before the oldest event that is kept
	kept, _ := l.store.read(0)
	for i := len(kept) - 1; i >= 0 && kept[i].sequence >= *after; i-- {
		switch e := kept[i]; {
		case e.kind == eventEntry && e.sequence > *after:
			oldest, c.cursor = e.sequence-1, e.position-1
		case e.failure.GetEventMayBeLost():
			c.cursor = e.position - 1
		}
	}
	return &agentconfv1.WatchStarted{LastSequence: oldest, EventsMissing: oldest != *after}
}

// leave removes the watch, whose caller has left or was evicted.
func (c *consumer) leave() {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	delete(c.log.consumers, c)
	c.logs.leave(c.log, c.guid)
}

// evict ends the stream of a watch that does not read.
func (ls *logs) evict(l *eventLog, c *consumer) {
	delete(l.consumers, c)
	ls.metrics.lost(watcherTooSlow(l.key.agentID), 1)
	close(c.evicted)
}

// run sends items until the log ends, the watch is evicted, or the caller leaves.
func (c *consumer) run(ctx context.Context, first []*streamItem, stream itemStream) error {
	for _, item := range first { // these never block: the stream has room for them
		if err := stream.Send(item); err != nil {
			return err
		}
		c.delivered(item)
	}
	s := &sender{consumer: c, ctx: ctx, stream: stream, sent: make(chan sendResult, 1)}
	silence := time.NewTimer(c.logs.heartbeat)
	defer silence.Stop()
	for {
		sent, err := c.catchUp(s)
		if err != nil {
			return err
		}
		if sent {
			silence.Reset(c.logs.heartbeat)
		}
		select {
		case <-c.wake:
		case <-silence.C:
			if err := s.send(newHeartbeat); err != nil {
				return err
			}
			silence.Reset(c.logs.heartbeat)
		case <-c.log.ended: // the entries before the end come first
			_, err := c.catchUp(s)
			return cmp.Or(err, error(c.log.cause))
		case <-c.evicted:
			return watcherTooSlow(c.log.key.agentID)
		case <-ctx.Done():
			return watcherLeft(c.log.key.agentID, ctx.Err())
		}
	}
}

// catchUp sends the entries behind the cursor.
func (c *consumer) catchUp(s *sender) (sent bool, err error) {
	for {
		entries, missing := c.log.store.read(c.cursor)
		if missing {
			return sent, watcherTooSlow(c.log.key.agentID)
		}
		for _, e := range entries {
			if c.wants(e) {
				if err := s.send(func() *streamItem { return itemOf(e) }); err != nil {
					return sent, err
				}
				sent = true
			}
			c.cursor = e.position
		}
		if len(entries) == 0 {
			return sent, nil
		}
		c.report()
	}
}

// report records the position of the watch.
func (c *consumer) report() {
	c.logs.mu.Lock()
	defer c.logs.mu.Unlock()
	c.read = max(c.read, c.cursor)
}

// delivered takes in that the caller has received an item.
func (c *consumer) delivered(item *streamItem) {
	if changed := item.GetGuidChanged(); changed != nil {
		c.guid = changed.GetGuid()
	}
}

// wants reports whether an entry is for the caller. Of the time before the watch the caller
// receives events, and polls that may have lost one.
func (c *consumer) wants(e entry) bool {
	if e.kind != eventEntry && e.position <= c.entered && !e.failure.GetEventMayBeLost() {
		return false
	}
	return e.kind != barrierEntry && (e.kind != guidEntry || !equalGUID(e.data, c.guid))
}

// itemOf returns an entry as a caller receives it. It must not be a barrier.
func itemOf(e entry) *streamItem {
	switch e.kind {
	case eventEntry:
		return eventItem(decodeEvent(e.data, e.sequence))
	case guidEntry:
		return guidItem(e.data)
	case failedEntry:
		return &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_PollFailed{PollFailed: e.failure}}
	}
	return &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_PollRecovered{
		PollRecovered: &agentconfv1.PollRecovered{},
	}}
}

func newHeartbeat() *streamItem {
	return &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_Heartbeat{
		Heartbeat: &agentconfv1.Heartbeat{},
	}}
}

func eventItem(event *agentconfv1.AgentEvent) *streamItem {
	return &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_Event{Event: event}}
}

func guidItem(guid string) *streamItem {
	return &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_GuidChanged{
		GuidChanged: &agentconfv1.GuidChanged{Guid: guid},
	}}
}
