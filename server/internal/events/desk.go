package events

import (
	"context"
	"errors"
	"time"

	"agentconf/server/internal/outcome"
)

// desk is the shared position of the callers of GetAgentEvent. They take events from one
// another, as they would at the gateway. Guarded by the lock of logs.
type desk struct {
	joined   bool  // a caller has come
	cursor   int64 // position of the last entry that a caller has received or passed
	calls    map[*deskCall]struct{}
	left     time.Time // when the last call ended
	calldata string    // of the newest caller, for the next poll
	asks     bool      // a caller waits for a poll that has not begun

	// setCookie has the cookies of a poll whose caller had left with an earlier event.
	setCookie []string

	// failed is the answer to a poll that may have lost an event while no call waited. The
	// next call returns it.
	failed *pollAnswer
}

// deskPause is how long a program that polls may be away between two polls. Page 1274 asks
// for 200 to 500 ms.
const deskPause = 5 * time.Second

// deskCall is one call of GetAgentEvent. It ends with the next event, or with the answer to
// the next poll.
type deskCall struct {
	log    *eventLog
	guid   string        // the newest that the caller has received
	wake   chan struct{} // an entry was appended, a poll was answered, or the log has ended
	answer *pollAnswer   // guarded by logs.mu

	setCookie []string // of the newest poll that set cookies; guarded by logs.mu
}

// enterDesk adds a call for an agent. The first call of a log begins behind its last entry.
func (ls *logs) enterDesk(agentID string, from caller, calldata string) (*deskCall, error) {
	guid := from.guid
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, err := ls.find(pollOperation, agentID, guid)
	if err != nil {
		return nil, err
	}
	if !l.desk.joined {
		l.desk = desk{joined: true, cursor: l.applied, calls: map[*deskCall]struct{}{}}
	}
	call := &deskCall{log: l, guid: guid, wake: make(chan struct{}, 1), setCookie: l.desk.setCookie}
	l.desk.calls[call], l.desk.setCookie = struct{}{}, nil
	l.desk.calldata = calldata
	if !l.polling || l.answered {
		l.desk.asks = true
		notify(l.asked)
	}
	ls.join(l, from)
	return call, nil
}

// leaveDesk removes a call that has its answer, or whose caller has left.
func (ls *logs) leaveDesk(call *deskCall) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(call.log.desk.calls, call)
	call.log.desk.left = time.Now()
	ls.leave(call.log, call.guid)
}

// giveCookies gives the cookies that a poll set to the calls that wait, before the event of
// the poll wakes one of them. Without one they are for the next call of a program that polls:
// its last may have left with an event of an earlier poll.
func (ls *logs) giveCookies(l *eventLog, setCookie []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(setCookie) == 0 || !l.desk.joined {
		return
	}
	if len(l.desk.calls) == 0 && time.Since(l.desk.left) < deskPause {
		l.desk.setCookie = setCookie
	}
	for call := range l.desk.calls {
		call.setCookie = setCookie
	}
}

// answerDesk gives the answer to a poll with guid to the calls that wait for one. An event in
// it reaches them by the log.
func (ls *logs) answerDesk(l *eventLog, guid string, answer pollAnswer) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if answer.event != "" || l.outdated(guid, answer.err) {
		return
	}
	if l.desk.joined && len(l.desk.calls) == 0 && mayLoseEvent(answer.err) {
		failed := answer // without the copy, the answer to every poll would be allocated
		l.desk.failed = &failed
	}
	l.desk.answer(answer)
}

func (d *desk) answer(answer pollAnswer) {
	for call := range d.calls {
		given := answer // for the same reason
		call.answer = &given
		notify(call.wake)
	}
}

// wait returns the answer to a call: the next event, or the answer to a poll without one.
func (ls *logs) wait(ctx context.Context, call *deskCall) pollAnswer {
	for {
		if answer, done := ls.deskAnswer(call); done {
			return answer
		}
		select {
		case <-call.wake:
		case <-call.log.ended:
		case <-ctx.Done():
			return pollAnswer{err: ls.abandoned(call, ctx.Err())}
		}
	}
}

// deskAnswer returns the answer to a call, if there is one yet.
func (ls *logs) deskAnswer(call *deskCall) (answer pollAnswer, done bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := call.log
	event := ls.nextForDesk(l)
	switch {
	case event != "":
		answer = pollAnswer{event: event}
	case call.answer != nil:
		answer = *call.answer
	case l.desk.failed != nil:
		answer, l.desk.failed = *l.desk.failed, nil
	case l.state == ended && l.cut:
		return pollAnswer{err: outcome.AnswerLost.Error(pollOperation, "An event may be lost: "+
			"agentconf stopped during a poll. Query the conference to see its state.", nil)}, true
	case l.state == ended:
		return pollAnswer{err: l.cause}, true
	default:
		return pollAnswer{}, false
	}
	answer.setCookie = call.setCookie
	if !equalGUID(call.guid, l.guid) {
		answer.guid = l.guid
		call.guid = l.guid
	}
	return answer, true
}

// nextForDesk returns the next event that no call has received, or an empty string.
func (ls *logs) nextForDesk(l *eventLog) string {
	entries, missing := l.store.read(l.desk.cursor)
	if missing { // the calls come too seldom; the gateway's reply cannot say so
		ls.metrics.lost(watcherTooSlow(l.key.agentID), 1)
	}
	for _, e := range entries {
		l.desk.cursor = e.position
		if e.kind == eventEntry {
			return e.data
		}
	}
	return ""
}

// abandoned returns the error of a call whose caller has left. No event is lost if the log
// is live: its poll continues.
func (ls *logs) abandoned(call *deskCall, cause error) *outcome.Error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	kinds := [2]outcome.Kind{outcome.CallCancelled, outcome.AnswerAbandoned}
	if errors.Is(cause, context.DeadlineExceeded) {
		kinds = [2]outcome.Kind{outcome.WatchTimedOut, outcome.AnswerTimedOut}
	}
	if call.log.state != live {
		return kinds[1].Error(pollOperation, "An event may be lost: the caller left during the first poll with its GUID, "+
			"or while its session ended or agentconf stopped. Query the conference to see its state.", cause)
	}
	return kinds[0].Error(pollOperation, "The caller left before an event came. "+
		"Its poll continues: the next call returns the event, or says that one may be lost.", cause)
}
