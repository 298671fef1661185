package events

import (
	"context"
	"math/rand/v2"
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

// pollRequest is what one poll of the gateway needs.
type pollRequest struct{ agentID, guid, calldata, cookie string }

// pollAnswer is the result of one poll. It may have an event beside an error: the answer
// was read, but its GUID is unusable.
type pollAnswer struct {
	event string // as the gateway sent it, or empty
	guid  string // the new GUID, if it changed
	err   *outcome.Error

	setCookie []string // confidential
}

// polls makes the polls of one log at the gateway, one after another, by these methods in this
// order. They are called without the lock.
type polls interface {
	send(context.Context, pollRequest)

	// await returns when the answer begins, or when the poll has failed: within 10 s and the
	// timeout of the gateway's client.
	await()

	answer() pollAnswer
}

// poller polls for one log. Its loop owns it. The parts of a poll, send and receive, run while
// the loop waits for done.
type poller struct {
	logs  *logs
	log   *eventLog
	polls polls
	ctx   context.Context // ends with an unproven log
	timer *time.Timer     // of the pause

	req  pollRequest
	err  error         // of the last part
	done chan struct{} // has a value when a part has ended
}

// run polls as long as anybody waits for events. A log has at most one poller: a second poll at
// the same time could receive the events out of order.
func (p *poller) run() {
	defer p.timer.Stop()
	backoff := pollPause
	for p.next() {
		pause := pollPause
		if p.pollOnce() != nil {
			backoff = min(2*backoff, maxPollPause)
			pause = jitter(backoff)
		} else {
			backoff = pollPause
		}
		p.pause(pause)
	}
}

// pause returns after d, or when a program polls: it sets its own pace, as it would at the
// gateway.
func (p *poller) pause(d time.Duration) {
	p.timer.Reset(d)
	for !p.logs.askedFor(p.log) {
		select {
		case <-p.log.asked:
		case <-p.log.ended:
			return
		case <-p.timer.C:
			return
		}
	}
}

func (ls *logs) askedFor(l *eventLog) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return l.desk.asks
}

// jitter returns a duration of three to five quarters of d. Without it all pollers would
// poll at the same moment after an outage.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

// next sets the next poll, or returns false if nobody waits for events.
func (p *poller) next() bool {
	ls, l := p.logs, p.log
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l.pollable() && l.wanted() {
		l.polling, l.answered = true, false
		p.req = pollRequest{l.key.agentID, l.guid, l.desk.calldata, l.cookie}
		l.desk.calldata, l.desk.asks = "", false
		return true
	}
	l.running = false
	ls.pollers--
	ls.handle(l, deserted, nil)
	return false
}

// pollOnce makes one poll and takes in its answer. A panic is a failed poll.
func (p *poller) pollOnce() (err error) {
	defer p.logs.polled(p.log)
	defer p.logs.guard.RecoverTo(&err, pollOperation)
	if err := p.aside((*poller).send); err != nil {
		return err
	}
	p.polls.await()
	return p.aside((*poller).receive)
}

// polled takes in that no poll is in flight.
func (ls *logs) polled(l *eventLog) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.polling = false
	ls.atRest(l)
}

// aside runs a part of a poll on a goroutine of its own, and returns its error. The loop would
// keep the stack of the part for as long as it waits for the next event: Go shrinks no stack of
// which more than a quarter is in use.
func (p *poller) aside(part func(*poller) error) error {
	go p.do(part)
	<-p.done
	return p.err
}

func (p *poller) do(part func(*poller) error) {
	defer func() { p.done <- struct{}{} }()
	defer p.logs.guard.RecoverTo(&p.err, pollOperation)
	p.err = part(p)
}

func (p *poller) send() error {
	p.polls.send(p.ctx, p.req)
	return nil
}

// receive reads the answer, and takes it in.
func (p *poller) receive() error {
	answer := p.polls.answer()
	seen := p.logs.answered(p.log)
	p.logs.take(p.log, p.req.guid, answer, seen)
	if answer.err != nil {
		return answer.err
	}
	return nil
}

// answered returns the position that the poller has seen when a poll is answered. A program
// that polls from now on asks for the next poll: it may have the event before pollOnce ends.
func (ls *logs) answered(l *eventLog) (seen int64) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.answered = true
	return l.applied
}

// take takes in the answer to a poll that was made with guid. The consumers receive the new
// GUID before the event, as the gateway has sent it first. An event is appended in any case,
// since it cannot be read again.
func (ls *logs) take(l *eventLog, guid string, answer pollAnswer, seen int64) {
	ls.giveCookies(l, answer.setCookie)
	to, recovered := ls.proofOf(l, answer)
	if recovered {
		to.store.append(entry{kind: recoveredEntry})
	}
	if answer.guid != "" && to == l {
		to.store.append(entry{kind: guidEntry, data: answer.guid})
	}
	if answer.event != "" {
		ls.metrics.events.Inc()
		to.store.append(entry{kind: eventEntry, data: answer.event, seen: seen})
	}
	ls.answerDesk(l, guid, answer)
	switch {
	case answer.err != nil:
		ls.fail(l, guid, answer.err)
	case isSignedOut(answer.event):
		ls.finish(to, signedOut, sessionEnded(l.key.agentID, nil))
	}
}

// proofOf returns the log for the answer to a poll of l, and whether its polls had failed
// before.
func (ls *logs) proofOf(l *eventLog, answer pollAnswer) (to *eventLog, recovered bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if answer.err != nil && answer.event == "" {
		return l, false
	}
	if to = ls.accept(l); to != l {
		l.desk.answer(answer) // its calls do not share the log that takes the event
	}
	return to, to.failing && answer.err == nil
}

// fail takes in a failed poll. The log ends if no later poll can succeed. Otherwise the
// consumers receive the failure, and whether an event may be lost.
func (ls *logs) fail(l *eventLog, guid string, err *outcome.Error) {
	ls.metrics.failedPolls.WithLabelValues(string(err.Reason)).Inc()
	if ls.endRefused(l, guid, err) {
		return
	}
	ls.failures.record(l.key.agentID, err)
	l.store.append(entry{kind: failedEntry, failure: &agentconfv1.PollFailed{
		Reason:         string(err.Reason),
		Message:        err.Error(),
		EventMayBeLost: mayLoseEvent(err),
	}})
}

// mayLoseEvent reports whether the gateway may have handed out an event in the answer to a
// poll that ended with err, which may be nil.
func mayLoseEvent(err *outcome.Error) bool {
	return err != nil && err.Outcome == outcome.Unknown && err.Retcode == ""
}

// isFatal reports whether no later poll can succeed: the agent is signed out, or its
// events are delivered elsewhere.
func isFatal(err *outcome.Error) bool {
	return err.Code == codes.Unauthenticated || err.Code == codes.FailedPrecondition
}

// outdated reports whether err is the refusal of a GUID that was renewed while its poll was in
// flight. It is no failure of the log: the next poll has the new GUID.
func (l *eventLog) outdated(guid string, err *outcome.Error) bool {
	return err != nil && isFatal(err) && !equalGUID(guid, l.guid)
}

// endRefused ends a log whose GUID was refused for good. It reports whether the consumers need
// no item: the log has ended, or the refusal is outdated.
func (ls *logs) endRefused(l *eventLog, guid string, err *outcome.Error) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l.outdated(guid, err) {
		return true
	}
	if isFatal(err) {
		l.polling = false
		ls.handle(l, refused, sessionEnded(l.key.agentID, err))
	}
	return l.state == ended
}

// finish applies an input that ends a log.
func (ls *logs) finish(l *eventLog, in input, cause *outcome.Error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.polling = false
	ls.handle(l, in, cause)
}
