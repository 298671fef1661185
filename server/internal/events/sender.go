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
	sent     chan error // with room for the result that nobody waits for any more
}

// send returns when the stream has taken the item, or when the watch is over.
func (s *sender) send(item *streamItem) error {
	c := s.consumer
	go s.try(item)
	select {
	case err := <-s.sent:
		if err == nil {
			c.delivered(item)
		}
		return err
	case <-c.evicted:
		return watcherTooSlow(c.log.key.agentID)
	case <-s.ctx.Done():
		return watcherLeft(c.log.key.agentID, s.ctx.Err())
	case <-c.log.ended:
	}
	timeout := time.NewTimer(lastSend)
	defer timeout.Stop()
	select {
	case err := <-s.sent:
		return err
	case <-s.ctx.Done():
		return watcherLeft(c.log.key.agentID, s.ctx.Err())
	case <-timeout.C:
		return c.log.cause
	}
}

// try ends when the stream takes the item, or after the handler of the stream has returned.
func (s *sender) try(item *streamItem) {
	var err error
	defer func() { s.sent <- err }()
	defer s.consumer.logs.guard.RecoverTo(&err, watchOperation)
	err = s.stream.Send(item)
}
