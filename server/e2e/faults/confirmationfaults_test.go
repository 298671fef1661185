package faults

import (
	"time"

	"agentconf/emulator"
)

// confirmationFault is a fault of a call with confirm_within, of its event, or of the polls for that event.
type confirmationFault struct {
	within    time.Duration    // confirm_within of the call
	call      *emulator.Fault  // of the request of the call
	poll      *emulator.Fault  // of the poll that takes the event
	event     emulator.Fault   // of the event
	onCall    confirmationHook // runs around the request of the call
	onPoll    confirmationHook // runs around the poll during which the call comes
	fromStart bool             // all polls fail, from the start of the watch
	unwatched bool             // the agent has no watch
	busy      bool             // another call waits for an event of the same participant
}

// confirmationHook runs around the handling of a request of one agent to the gateway.
type confirmationHook func(c *confirmedCall, handle func())

var (
	lostEvent     = emulator.Fault{Events: "lose"}
	repeatedEvent = emulator.Fault{Events: "repeat"}
	lateEvent     = emulator.Fault{Events: "delay", Delay: 4 * shortDelay}
	tooLateEvent  = emulator.Fault{Events: "delay", Delay: 2 * shortTimeout}

	closeBeforeReply = &emulator.Fault{Connection: "close", Applied: true}
	closeInBody      = &emulator.Fault{Connection: "close", At: "in"}
	stallReply       = &emulator.Fault{Connection: "hang", Applied: true}
	replyAfterEvent  = &emulator.Fault{Delay: 4 * shortDelay}
	closeAfterEvent  = &emulator.Fault{Delay: 4 * shortDelay, Connection: "close", Applied: true}
)

// confirmationCases are the faults of calls whose deadline is longer than confirm_within. confirm_within
// is long if the event arrives, and short otherwise.
var confirmationCases = []struct {
	name  string
	want  outcome
	fault confirmationFault
}{
	{"none", confirmed, confirmationFault{}},
	{"reply closed before its first byte", unknown, confirmationFault{call: closeBeforeReply}},
	{"reply closed in its body", unknown, confirmationFault{call: closeInBody}},
	{"reply after the event", confirmed, confirmationFault{call: replyAfterEvent}},
	{"reply closed after the event", unknown, confirmationFault{call: closeAfterEvent}},
	{"poll closed with the event", notConfirmed, confirmationFault{poll: closeBeforeReply}},
	{"poll closed in the event", notConfirmed, confirmationFault{poll: closeInBody}},
	{"poll stalled with the event", notConfirmed, confirmationFault{poll: stallReply}},
	{"one poll rejected with 503", confirmed, confirmationFault{onPoll: rejectPoll}},
	{"all polls rejected with 503", notConfirmed, confirmationFault{onPoll: rejectPolls}},
	{"connections of polls refused for a while", confirmed, confirmationFault{onPoll: refuseBriefly}},
	{"connections of polls refused", notConfirmed, confirmationFault{onPoll: refuseConns}},
	{"event lost", notConfirmed, confirmationFault{event: lostEvent}},
	{"event late", confirmed, confirmationFault{event: lateEvent}},
	{"event too late", notConfirmed, confirmationFault{event: tooLateEvent}},
	{"event repeated", confirmed, confirmationFault{event: repeatedEvent}},
	{"watch ends", confirmed, confirmationFault{onCall: endWatch}},
	{"agent signs in again", notConfirmed, confirmationFault{onCall: signInAgain, event: lostEvent}},
	{"no watch", notSent, confirmationFault{unwatched: true}},
	{"polls fail before the call", notSent,
		confirmationFault{fromStart: true}},
	{"another call waits for its event", notSent, confirmationFault{event: lostEvent, busy: true}},
}

func confirmationFaults() (list []*fault) {
	add := func(name string, f confirmationFault, want ...outcome) *fault {
		added := &fault{
			name: "confirmation: " + name, deadline: longTimeout, want: want, oneVariant: true, confirmation: &f,
		}
		list = append(list, added)
		return added
	}
	for _, c := range confirmationCases {
		c.fault.within = shortTimeout
		if c.want == confirmed {
			c.fault.within = longTimeout
		}
		f := add(c.name, c.fault, c.want)
		if c.fault.onPoll != nil || c.fault.poll != nil { // on a busy machine, a poll may fail before the call
			f.want = append(f.want, notSent)
		}
	}
	stalled := add("reply stalled", confirmationFault{call: stallReply, within: shortTimeout}, unknown)
	stalled.deadline, stalled.want = shortTimeout, allowNotSent(stalled.want)
	cancelled := add("caller cancels",
		confirmationFault{onCall: cancelAfterReply, event: lostEvent, within: longTimeout}, notConfirmed)
	cancelled.abandoned = true
	expired := add("caller's deadline comes first",
		confirmationFault{event: lostEvent, within: longTimeout}, notConfirmed, unknown)
	expired.deadline, expired.want = shortTimeout, allowNotSent(expired.want)
	return list
}

// rejectPoll makes the gateway reject the poll with 503.
func rejectPoll(c *confirmedCall, handle func()) {
	c.rejectPolls(1)
	handle()
}

// rejectPolls makes the gateway reject the poll and all further ones.
func rejectPolls(c *confirmedCall, handle func()) {
	c.rejectPolls(-1)
	handle()
}

// refuseConns closes all connections to the gateway after the reply to the call, and refuses new ones.
func refuseConns(c *confirmedCall, _ func()) {
	<-time.After(shortDelay)
	c.testbed.refuse.Store(true)
	c.testbed.gatewayHop.CloseConns()
}

func refuseBriefly(c *confirmedCall, handle func()) {
	refuseConns(c, handle)
	time.AfterFunc(shortTimeout, func() { c.testbed.refuse.Store(false) })
}

// endWatch ends the watch before the gateway executes the call.
func endWatch(c *confirmedCall, handle func()) {
	c.endWatch()
	<-time.After(shortDelay)
	handle()
}

// cancelAfterReply cancels the call when the gateway has replied.
func cancelAfterReply(c *confirmedCall, handle func()) {
	handle()
	time.AfterFunc(shortDelay, c.cancel)
}

// signInAgain executes the call, and signs the agent in again, which ends the session.
func signInAgain(c *confirmedCall, handle func()) {
	handle()
	c.testbed.gateway.SignIn(c.agent, emulator.SignIn{Phonenum: agentPhone}, true)
}
