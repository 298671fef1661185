package faults

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"agentconf/emulator"
)

// confirmationFault is a fault of a call with confirm_within, of its event, or of the polls for that event.
type confirmationFault struct {
	within    time.Duration    // confirm_within of the call
	call      confirmationHook // handles the request of the call; nil executes it
	poll      confirmationHook // handles the poll during which the call comes, and further polls
	polls     int              // number of polls that poll handles
	fromStart bool             // poll handles the polls before the call, too
	event     emulator.Fault   // of the event
	unwatched bool             // the agent has no watch
	busy      bool             // another call waits for an event of the same participant
}

// confirmationHook handles a request of one agent to the gateway.
type confirmationHook func(*confirmedCall, gatewayRequest)

// allPolls exceeds the number of polls of a call.
const allPolls = 1000

var (
	lostEvent     = emulator.Fault{Events: "lose"}
	repeatedEvent = emulator.Fault{Events: "repeat"}
	lateEvent     = emulator.Fault{Events: "delay", Delay: 4 * shortDelay}
	tooLateEvent  = emulator.Fault{Events: "delay", Delay: 2 * shortTimeout}
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
	{"poll closed with the event", notConfirmed, confirmationFault{poll: closeBeforeReply, polls: 1}},
	{"poll closed in the event", notConfirmed, confirmationFault{poll: closeInBody, polls: 1}},
	{"poll stalled with the event", notConfirmed, confirmationFault{poll: stallReply, polls: 1}},
	{"one poll rejected with 503", confirmed, confirmationFault{poll: rejectPoll, polls: 1}},
	{"all polls rejected with 503", notConfirmed, confirmationFault{poll: rejectPoll, polls: allPolls}},
	{"connections of polls refused for a while", confirmed, confirmationFault{poll: refuseBriefly, polls: 1}},
	{"connections of polls refused", notConfirmed, confirmationFault{poll: refuseConns, polls: 1}},
	{"event lost", notConfirmed, confirmationFault{event: lostEvent}},
	{"event late", confirmed, confirmationFault{event: lateEvent}},
	{"event too late", notConfirmed, confirmationFault{event: tooLateEvent}},
	{"event repeated", confirmed, confirmationFault{event: repeatedEvent}},
	{"watch ends", confirmed, confirmationFault{call: endWatch}},
	{"agent signs in again", notConfirmed, confirmationFault{call: signInAgain, event: lostEvent}},
	{"no watch", notSent, confirmationFault{unwatched: true}},
	{"polls fail before the call", notSent,
		confirmationFault{poll: rejectPoll, polls: allPolls, fromStart: true}},
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
		if c.fault.poll != nil && !c.fault.fromStart { // on a busy machine, a poll may fail before the call
			f.want = append(f.want, notSent)
		}
	}
	stalled := add("reply stalled", confirmationFault{call: stallReply, within: shortTimeout}, unknown)
	stalled.deadline, stalled.want = shortTimeout, allowNotSent(stalled.want)
	cancelled := add("caller cancels",
		confirmationFault{call: cancelAfterReply, event: lostEvent, within: longTimeout}, notConfirmed)
	cancelled.abandoned = true
	expired := add("caller's deadline comes first",
		confirmationFault{event: lostEvent, within: longTimeout}, notConfirmed, unknown)
	expired.deadline, expired.want = shortTimeout, allowNotSent(expired.want)
	return list
}

// closeBeforeReply executes the request and closes the connection.
func closeBeforeReply(_ *confirmedCall, r gatewayRequest) {
	r.execute()
	panic(http.ErrAbortHandler)
}

// closeInBody executes the request and closes the connection in the body of the reply.
func closeInBody(_ *confirmedCall, r gatewayRequest) {
	reply := r.execute().Body.Bytes()
	r.w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	r.w.Write(reply[:len(reply)-cutShort])
	r.w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// stallReply executes the request and sends no reply.
func stallReply(_ *confirmedCall, r gatewayRequest) {
	r.execute()
	r.waitForClose()
}

// replyAfterEvent executes the request, and sends the reply after the event.
func replyAfterEvent(c *confirmedCall, r gatewayRequest) { r.reply(executeBeforeEvent(c, r)) }

// closeAfterEvent executes the request, and closes the connection after the event.
func closeAfterEvent(c *confirmedCall, r gatewayRequest) {
	executeBeforeEvent(c, r)
	panic(http.ErrAbortHandler)
}

// executeBeforeEvent executes the request and returns when a poll has taken the event.
func executeBeforeEvent(c *confirmedCall, r gatewayRequest) *httptest.ResponseRecorder {
	reply := r.execute()
	waitFor(c.eventTaken.isSet, longTimeout)
	<-time.After(shortDelay)
	return reply
}

func rejectPoll(_ *confirmedCall, r gatewayRequest) {
	http.Error(r.w, "no", http.StatusServiceUnavailable)
}

// refuseConns closes all connections to the gateway after the reply to the call, and refuses new ones.
func refuseConns(c *confirmedCall, _ gatewayRequest) {
	<-time.After(shortDelay)
	c.testbed.refuse.Store(true)
	c.testbed.gatewayHop.closeConns()
}

func refuseBriefly(c *confirmedCall, r gatewayRequest) {
	refuseConns(c, r)
	time.AfterFunc(shortTimeout, func() { c.testbed.refuse.Store(false) })
}

// endWatch ends the watch before the gateway executes the call.
func endWatch(c *confirmedCall, r gatewayRequest) {
	c.endWatch()
	<-time.After(shortDelay)
	r.executeAndReply()
}

// cancelAfterReply cancels the call when the gateway has replied.
func cancelAfterReply(c *confirmedCall, r gatewayRequest) {
	r.executeAndReply()
	time.AfterFunc(shortDelay, c.cancel)
}

// signInAgain executes the call, and signs the agent in again, which ends the session.
func signInAgain(c *confirmedCall, r gatewayRequest) {
	r.executeAndReply()
	c.testbed.gateway.SignIn(c.agent, emulator.SignIn{Phonenum: agentPhone}, true)
}
