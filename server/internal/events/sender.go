package events

import (
	"context"
	"time"
)

// lastSend is how long the caller of a watch that has ended may take to read what is left.
const lastSend = 2 * time.Second

// itemStream is the stream to the caller of a watch.
type itemStream interface {
	Send(item *streamItem) error
}

// sender sends the items of one watch. Send of a stream blocks while its client reads
// nothing, and only the return of the handler ends it. Each call therefore runs in a
// goroutine of its own, so that the handler can return.
type sender struct {
	consumer *consumer
	ctx      context.Context // of the stream
	stream   itemStream
	sent     chan sendResult // with room for the result that nobody waits for any more
}

type sendResult struct {
	item *streamItem
	err  error
}

// send builds an item and sends it. It returns when the stream has taken the item, or when the
// watch is over.
func (s *sender) send(build func() *streamItem) error {
	c := s.consumer
	go s.try(build)
	select {
	case r := <-s.sent:
		if r.err == nil {
			c.delivered(r.item)
		}
		return r.err
	case <-c.evicted:
		return watcherTooSlow(c.log.key.agentID)
	case <-s.ctx.Done():
		return watcherLeft(c.log.key.agentID, s.ctx.Err())
	case <-c.log.ended:
	}
	timeout := time.NewTimer(lastSend)
	defer timeout.Stop()
	select {
	case r := <-s.sent:
		return r.err
	case <-s.ctx.Done():
		return watcherLeft(c.log.key.agentID, s.ctx.Err())
	case <-timeout.C:
		return c.log.cause
	}
}

// try ends when the stream takes the item, or after the handler of the stream has returned. It
// builds the item too: to decode an event takes a larger stack than to wait for one, and the
// handler would keep that stack for as long as it waits.
func (s *sender) try(build func() *streamItem) {
	var r sendResult
	defer func() { s.sent <- r }()
	defer s.consumer.logs.guard.RecoverTo(&r.err, watchOperation)
	r.item = build()
	r.err = s.stream.Send(r.item)
}
