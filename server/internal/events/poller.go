package events

import (
	"time"

	"google.golang.org/grpc/codes"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/outcome"
)

const (
	// pollPause is the pause after each answer; page 1274 asks for 200 to 500 ms.
	pollPause = 200 * time.Millisecond

	// maxPollPause is the longest pause after failed polls, each of which doubles it. It is
	// short beside the 2 minutes without a poll after which the gateway signs an agent out.
	maxPollPause = 5 * time.Second
)

// pollResult is the result of one poll.
type pollResult struct {
	event *agentconfv1.PolledEvent // nil if there was none
	guid  string                   // the new GUID, if it changed
	err   *outcome.Error
}

// pollFunc polls once for an agent. It takes up to 10 s and the timeout of the gateway's
// client, and is called without the lock.
type pollFunc func(agentID, guid, cookie string) pollResult

// pollLoop polls as long as a watcher or a confirmation waits for events. A watch has at
// most one loop: a second poll at the same time could receive the events out of order.
func (ws *watches) pollLoop(w *watch) {
	pause := pollPause
	for {
		guid, cookie, wanted := ws.nextPoll(w)
		if !wanted {
			return
		}
		result := ws.poll(w.agentID, guid, cookie)
		ws.recordPoll(w, guid, result)
		pause = min(2*pause, maxPollPause)
		if result.err == nil {
			pause = pollPause
		}
		select {
		case <-w.ended:
		case <-time.After(pause):
		}
	}
}

// nextPoll returns the GUID and the cookies for the next poll, or false if nothing waits for events.
func (ws *watches) nextPoll(w *watch) (guid, cookie string, wanted bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w.over {
		return "", "", false
	}
	if len(w.watchers)+len(w.confirmations) > 0 {
		w.polling = true
		return w.guid, w.cookie, true
	}
	w.running = false
	w.expiry = time.AfterFunc(replayWindow, func() { ws.expire(w) })
	return "", "", false
}

// expire removes a watch that has had no watcher for the replay window. The timer may have
// fired while enter held the lock; the watch then runs again, and stays.
func (ws *watches) expire(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if !w.running {
		ws.remove(w)
	}
}

// recordPoll takes in the result of a poll that was made with guid. The result comes too
// late if the watch has ended in the meantime.
func (ws *watches) recordPoll(w *watch, guid string, result pollResult) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w.polling = false
	defer ws.endIfIdle(w)
	switch {
	case w.over:
	case result.err != nil:
		ws.recordFailure(w, guid, result.err)
	default:
		ws.recordAnswer(w, result)
	}
}

// recordFailure ends the watch if no later poll can succeed. Otherwise the watchers receive
// the failure, and whether it may have lost an event.
func (ws *watches) recordFailure(w *watch, guid string, err *outcome.Error) {
	// The GUID may have been renewed while the poll was in flight.
	if isFatal(err) && guid == w.guid {
		ws.end(w, sessionEnded(w.agentID, err))
		return
	}
	w.failing = true
	failed := &agentconfv1.PollFailed{
		Reason:         string(err.Reason),
		Message:        err.Error(),
		EventMayBeLost: err.Outcome == outcome.Unknown && err.Retcode == "",
	}
	ws.broadcast(w, &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_PollFailed{PollFailed: failed}})
}

// isFatal reports whether no later poll can succeed: the agent is signed out, or its
// events are delivered elsewhere.
func isFatal(err *outcome.Error) bool {
	return err.Code == codes.Unauthenticated || err.Code == codes.FailedPrecondition
}

// recordAnswer takes in an answered poll. The watchers receive the new GUID before the event,
// as the gateway has sent it first.
func (ws *watches) recordAnswer(w *watch, result pollResult) {
	w = ws.adopt(w)
	if w.failing {
		w.failing = false
		ws.broadcast(w, &streamItem{Message: &agentconfv1.WatchAgentEventsResponse_PollRecovered{
			PollRecovered: &agentconfv1.PollRecovered{},
		}})
	}
	if result.guid != "" {
		ws.renew(w, result.guid)
	}
	if result.event != nil {
		ws.recordEvent(w, result.event)
	}
}

// recordEvent keeps an event first, as it cannot be read again, and then delivers it.
func (ws *watches) recordEvent(w *watch, polled *agentconfv1.PolledEvent) {
	w.last++
	event := decodeEvent(polled, w.last)
	w.kept = append(w.kept, event)
	if len(w.kept) > maxKeptEvents {
		w.dropped = w.kept[0].GetSequence()
		w.kept = w.kept[1:]
	}
	ws.metrics.events.Inc()
	w.confirm(event)
	ws.broadcast(w, eventItem(event))
	if event.GetEventType() == signedOutEvent {
		ws.end(w, sessionEnded(w.agentID, nil))
	}
}

// adopt registers w as the agent's watch after the gateway has accepted its GUID. If
// another watch was first, with another GUID, w ends and adopt returns the other.
func (ws *watches) adopt(w *watch) *watch {
	if first := ws.proven[w.agentID]; first != nil && first != w {
		ws.end(w, staleGUID(w.agentID))
		return first
	}
	ws.remove(w)
	ws.proven[w.agentID] = w
	return w
}

// renew changes the GUID of w. If no watcher receives it, because there is none or all
// are evicted, the newest GUID that one has received stays valid for the next.
func (ws *watches) renew(w *watch, guid string) {
	w.guid, w.previousGUID = guid, w.guid
	ws.broadcast(w, guidItem(guid))
	if len(w.watchers) == 0 && w.lastToldGUID == "" {
		w.lastToldGUID = w.previousGUID
	}
}
