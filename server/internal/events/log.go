package events

import (
	"context"
	"crypto/subtle"
	"time"

	"agentconf/server/internal/outcome"
)

// state is the state of a log.
type state uint8

const (
	// unproven: the gateway has not accepted the GUID yet. Nobody but the callers with
	// this GUID shares the log, so that a caller with a wrong one disturbs nobody.
	unproven state = iota
	// live: the log of its agent. Callers with one of its GUIDs share it.
	live
	// idle: live without a consumer. It is not polled, and its entries are kept for the
	// replay window.
	idle
	// closing: the service stops. The log ends after the poll and the calls in flight, as
	// an event cannot be read again.
	closing
	// orphaned: a sign-in has ended the session. Nobody finds the log any more, and it ends
	// after the poll in flight.
	orphaned
	// ended: all consumers have received the cause.
	ended
)

// input is what happens to a log.
type input uint8

const (
	accepted  input = iota // the gateway accepted the GUID: it answered a poll, or issued a GUID
	outrun                 // the gateway accepted the GUID, but another log of the agent is live
	refused                // the gateway refused a poll with the current GUID
	signedOut              // the event of the sign-out was applied
	displaced              // a sign-in has ended the session
	stopped                // the service stops
	joined                 // a consumer has entered
	deserted               // nobody waits for events any more, and the poller has ended
	polled                 // no poll is in flight
	settled                // neither a poll nor a call is in flight
	expired                // the replay window has passed
	timeUp                 // the time of a stop has passed
)

// action is the effect of a transition. It runs with the lock held, after the state has
// changed.
type action uint8

const (
	startPolls  action = iota // if the poller does not run
	prove                     // make it the log of its agent
	startExpiry               // start the replay window
	resume                    // stop the replay window, and start the poller
	detach                    // so that nobody finds it; rest follows
	rest                      // end as soon as nothing is in flight
	end                       // end the consumers and calls with the cause, and the poller
)

// transition is one row of the table.
type transition struct {
	next   state
	action action
}

// transitions is the table of the state machine. An input without a row changes nothing.
//
//	state     input      next      effect
//	unproven  joined     unproven  the poller starts
//	unproven  accepted   live      it becomes the log of its agent
//	unproven  outrun     ended     its consumers end; the polled event goes to the live log
//	unproven  refused    ended     its consumers end
//	unproven  deserted   ended     its poll is cancelled, even before the poller has ended
//	unproven  stopped    closing   the poll in flight is its last
//	unproven  timeUp     ended     its consumers end
//	live      joined     live      the poller starts
//	live      deserted   idle      the replay window starts
//	live      refused    ended     its consumers and calls end
//	live      signedOut  ended     its consumers and calls end, after the event
//	live      displaced  orphaned  the next session of the agent does not meet it
//	live      stopped    closing   the poll in flight is its last
//	live      timeUp     ended     its consumers and calls end
//	idle      joined     live      the replay window stops, the poller starts
//	idle      outrun     ended     its entries are dropped; the accepted log replaces it
//	idle      expired    ended     its entries are dropped
//	idle      displaced  ended     its entries are dropped
//	idle      stopped    ended     its entries are dropped
//	closing   refused    ended     its consumers and calls end
//	closing   signedOut  ended     its consumers and calls end, after the event
//	closing   settled    ended     its consumers end
//	closing   timeUp     ended     its consumers and calls end
//	orphaned  refused    ended     its consumers and calls end
//	orphaned  signedOut  ended     its consumers and calls end, after the event
//	orphaned  polled     ended     its consumers and calls end
//	orphaned  timeUp     ended     its consumers and calls end
var transitions = map[state]map[input]transition{
	unproven: {
		joined:   {unproven, startPolls},
		accepted: {live, prove},
		outrun:   {ended, end},
		refused:  {ended, end},
		deserted: {ended, end},
		stopped:  {closing, rest},
		timeUp:   {ended, end},
	},
	live: {
		joined:    {live, startPolls},
		deserted:  {idle, startExpiry},
		refused:   {ended, end},
		signedOut: {ended, end},
		displaced: {orphaned, detach},
		stopped:   {closing, rest},
		timeUp:    {ended, end},
	},
	idle: {
		joined:    {live, resume},
		outrun:    {ended, end},
		expired:   {ended, end},
		displaced: {ended, end},
		stopped:   {ended, end},
	},
	closing: {
		refused:   {ended, end},
		signedOut: {ended, end},
		settled:   {ended, end},
		timeUp:    {ended, end},
	},
	orphaned: {
		refused:   {ended, end},
		signedOut: {ended, end},
		polled:    {ended, end},
		timeUp:    {ended, end},
	},
}

// handle applies an input to a log, by the table. cause is the error for its consumers, if
// they end.
func (ls *logs) handle(l *eventLog, in input, cause *outcome.Error) {
	t, ok := transitions[l.state][in]
	if !ok {
		return
	}
	l.state = t.next
	switch t.action {
	case startPolls:
		ls.startPolls(l)
	case prove:
		delete(ls.unproven, l.key)
		ls.proven[l.key.agentID] = l
	case startExpiry:
		ls.startExpiry(l)
	case resume:
		l.expiry.Stop()
		l.expiry = nil
		ls.startPolls(l)
	case detach:
		delete(ls.proven, l.key.agentID)
		ls.orphans[l] = struct{}{}
		l.cause = cause
		ls.atRest(l)
	case rest:
		l.cause = cause
		ls.atRest(l)
	case end:
		ls.end(l, cause)
	}
}

// eventLog holds the events of one agent in one session, and its consumers. Its entries
// are in the store. Everything else is guarded by the lock of logs.
type eventLog struct {
	key   key // of an unproven log; the agent ID for ever
	store store
	drop  func() // drops the entries
	state state
	cause *outcome.Error // why it closes or has ended

	guid      string       // the current one
	cookie    string       // of the newest consumer that has any, for the polls
	previous  expiringGUID // the one before it, which calls in flight may still have
	delivered expiringGUID // the one that the consumer who left last had received

	applied int64 // position of the last entry that was applied
	last    int64 // sequence of the last event
	lost    int64 // position of the last failure of a poll that may have lost an event

	consumers     map[*consumer]struct{}
	desk          desk
	confirmations confirmations

	running  bool               // the poller runs
	asked    chan struct{}      // ends the pause between polls if desk.asks
	polling  bool               // a poll is in flight
	answered bool               // its answer is here; for the pace of a desk
	cut      bool               // the log ended while a poll was in flight
	failing  bool               // the last poll failed
	cancel   context.CancelFunc // ends the poll in flight; called for an unproven log only
	expiry   *time.Timer        // ends an idle log
	ended    chan struct{}      // closed in state ended
}

// caller is what a consumer has shown: its GUID, and the cookies of the gateway's load
// balancer. Both are confidential.
type caller struct{ guid, cookie string }

// key identifies an unproven log.
type key struct{ agentID, guid string }

// expiringGUID is a GUID that the gateway has replaced.
type expiringGUID struct {
	guid  string
	until time.Time
}

func (g expiringGUID) admits(guid string) bool {
	return equalGUID(guid, g.guid) && time.Now().Before(g.until)
}

// equalGUID compares in constant time. No caller's GUID equals an empty want, since Check
// rejects an empty GUID.
func equalGUID(got, want string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// admits reports whether a caller with guid may share the log: it has the current GUID, the
// one before it, or the newest one that it can have received before it left.
func (l *eventLog) admits(guid string) bool {
	return equalGUID(guid, l.guid) || l.previous.admits(guid) || l.delivered.admits(guid)
}

// wanted reports whether anybody waits for events.
func (l *eventLog) wanted() bool {
	return len(l.consumers)+len(l.desk.calls)+l.confirmations.waiting() > 0
}

// pollable reports whether the log may be polled once more. In a service that stops, only
// calls in flight are a reason to.
func (l *eventLog) pollable() bool {
	switch l.state {
	case unproven, live:
		return true
	case closing:
		return l.confirmations.waiting() > 0
	}
	return false
}

// apply takes in an entry that was appended. It is the subscriber of the store.
func (ls *logs) apply(l *eventLog, e entry) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.applied, l.last = e.position, e.sequence
	switch e.kind {
	case eventEntry:
		l.confirmations.apply(l, e)
	case guidEntry:
		l.previous = expiringGUID{l.guid, time.Now().Add(replayWindow)}
		l.guid = e.data
	case failedEntry:
		l.failing = true
		if e.failure.GetEventMayBeLost() {
			l.lost = e.position
			l.confirmations.owed = nil // the lost event may be one of these
		}
	case recoveredEntry:
		l.failing = false
	case barrierEntry: // nobody has to read it
		return
	}
	ls.wake(l)
}
