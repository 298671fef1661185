package conference

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	// pollPause is the pause after each answer; page 1274 asks for 200 to 500 ms.
	pollPause = 200 * time.Millisecond

	// maxPollPause is the longest pause after polls that failed.
	maxPollPause = 5 * time.Second
)

// polled is what one poll brought.
type polled struct {
	event *agentconfv1.PolledEvent // nil if there was none
	guid  string                   // the new one, if it changed
	err   *Error
}

// pollFunc polls once for an agent.
type pollFunc func(agentID, guid string) polled

// pollOnce takes an event from the gateway. It outlives every watcher: reading an
// event removes it, so that a poll that is given up may lose one.
func (s *Service) pollOnce(agentID, guid string) polled {
	a, err := s.send(context.Background(), poll(agentID, ""), guid)
	if e, failed := errors.AsType[*Error](err); failed {
		return polled{err: e}
	}
	if a.GUID == guid {
		a.GUID = ""
	}
	return polled{event: a.polled, guid: a.GUID}
}

// poll polls for as long as there is somebody to tell.
func (ws *watches) poll(w *watch, pollOnce pollFunc) {
	pause := pollPause
	for {
		guid, wanted := ws.wanted(w)
		if !wanted {
			return
		}
		got := pollOnce(w.agentID, guid)
		ws.took(w, guid, got)
		if got.err == nil {
			pause = pollPause
		} else {
			pause = min(2*pause, maxPollPause)
		}
		select {
		case <-w.ended:
		case <-time.After(pause):
		}
	}
}

// wanted returns the GUID to poll with, or that there is no need to poll.
func (ws *watches) wanted(w *watch) (guid string, wanted bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w.over {
		return "", false
	}
	if len(w.watchers)+len(w.awaited) > 0 {
		w.asking = true
		return w.guid, true
	}
	w.polling = false
	w.expiry = time.AfterFunc(lingering, func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		if !w.polling {
			ws.forget(w)
		}
	})
	return "", false
}

// took tells the watchers what a poll with guid brought.
func (ws *watches) took(w *watch, guid string, got polled) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w.asking = false
	defer ws.settle(w)
	switch {
	case w.over:
	case got.err != nil:
		ws.tookFailure(w, guid, got.err)
	default:
		ws.tookAnswer(w, got)
	}
}

func (ws *watches) tookFailure(w *watch, guid string, err *Error) {
	// The GUID may have been renewed while the poll was under way.
	if fatal(err) && guid == w.guid {
		ws.end(w, watchEnded(w.agentID, err))
		return
	}
	w.failing = true
	ws.tell(w, &message{Message: &agentconfv1.WatchAgentEventsResponse_PollFailed{PollFailed: &agentconfv1.PollFailed{
		Reason:         err.Reason,
		Message:        err.Error(),
		EventMayBeLost: err.Outcome == Unknown && err.Retcode == "",
	}}})
}

// fatal reports whether polling on is pointless: the agent is signed out, or its
// events go elsewhere.
func fatal(err *Error) bool {
	return err.Code == codes.Unauthenticated || err.Code == codes.FailedPrecondition
}

func (ws *watches) tookAnswer(w *watch, got polled) {
	w = ws.prove(w)
	if w.failing {
		w.failing = false
		ws.tell(w, &message{Message: &agentconfv1.WatchAgentEventsResponse_PollRecovered{PollRecovered: &agentconfv1.PollRecovered{}}})
	}
	if got.guid != "" {
		ws.renew(w, got.guid)
	}
	if got.event == nil {
		return
	}
	w.last++
	event := typed(got.event, w.last)
	w.kept = append(w.kept, event)
	if len(w.kept) > keptEvents {
		w.forgotten = w.kept[0].GetSequence()
		w.kept = w.kept[1:]
	}
	ws.metrics.events.Inc()
	w.confirm(event)
	ws.tell(w, eventMessage(event))
	if event.GetEventType() == signedOutEvent {
		ws.end(w, watchEnded(w.agentID, nil))
	}
}

// prove makes w the watch of its agent, now that the gateway has accepted its
// GUID, and returns that watch. If another was first, with another GUID, w is over
// and what it was answered belongs to the other.
func (ws *watches) prove(w *watch) *watch {
	if first := ws.proven[w.agentID]; first != nil && first != w {
		ws.end(w, guidStale(w.agentID))
		return first
	}
	ws.forget(w)
	ws.proven[w.agentID] = w
	return w
}

// renew changes the GUID of w.
func (ws *watches) renew(w *watch, guid string) {
	if len(w.watchers) == 0 && w.untold == "" {
		w.untold = w.guid
	}
	w.guid, w.before = guid, w.guid
	ws.tell(w, guidChanged(guid))
}

// renewed is for a GUID that the gateway gave to a caller whose own it accepted.
func (ws *watches) renewed(agentID, shown, guid string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w := ws.of(agentID, shown); w != nil && guid != "" && guid != w.guid {
		ws.renew(ws.prove(w), guid)
	}
}

// displaced ends the watch of a session that a new sign-in has ended.
func (ws *watches) displaced(agentID string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w := ws.proven[agentID]; w != nil {
		ws.end(w, watchEnded(agentID, nil))
	}
}

func guidChanged(guid string) *message {
	return &message{Message: &agentconfv1.WatchAgentEventsResponse_GuidChanged{GuidChanged: &agentconfv1.GuidChanged{Guid: guid}}}
}

func eventMessage(event *agentconfv1.AgentEvent) *message {
	return &message{Message: &agentconfv1.WatchAgentEventsResponse_Event{Event: event}}
}
