package faults

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	longTimeout  = 5 * time.Second        // exceeds the duration of every call without a stall
	shortTimeout = 150 * time.Millisecond // the deadline of calls that stall
	shortDelay   = 50 * time.Millisecond
)

// fault is an error or a delay of the network, the gateway or the caller.
type fault struct {
	name     string
	deadline time.Duration // of the calls
	want     []outcome     // the outcomes that agentconf may report; nil allows all

	// At most one of these fields describes the fault. Without any, it is the deadline of the calls.
	refuse       bool               // no connection to the gateway can be opened
	gatewayHop   *injection         // at the proxy between agentconf and the gateway
	clientHop    *injection         // at the proxies between the clients and agentconf
	idleClose    *idleClose         // of connections to the gateway
	reply        http.HandlerFunc   // writes a malformed reply in place of the gateway's
	cancel       cancelTime         // of the call by its caller
	noReply      bool               // of the gateway
	confirmation *confirmationFault // of calls with confirm_within

	abandoned  bool // the callers do not wait for a reply
	needsTLS   bool // the fault occurs only with TLS
	oneVariant bool // each cell has variant 0 only
	concurrent bool // all calls run at the same time

	row row // the results
}

// idleClose is the way in which the gateway closes a connection that has served a call.
type idleClose struct {
	action  action
	age     time.Duration // the idle time of the connection
	refuse  bool          // no new connection can be opened afterwards
	crosses bool          // the next request is sent while the gateway closes the connection
}

// cancelTime is the time at which a caller cancels a call.
type cancelTime int

const (
	notCancelled   cancelTime = iota
	beforeSend                // before the call starts
	onArrival                 // when the gateway has the request
	afterExecution            // when the gateway has sent its reply
)

// allFaults returns the faults of a run. A long run has ages and deadlines of seconds.
func allFaults(long bool) []*fault {
	return slices.Concat(connectFaults(), requestFaults(), replyFaults(), delayFaults(), idleFaults(long),
		malformedReplies(), callerFaults(), deadlineFaults(long), confirmationFaults())
}

// gatewayHopFault returns the fault of an action on the gateway hop.
func gatewayHopFault(name string, at faultPoint, do action, want ...outcome) *fault {
	f := &fault{name: name, gatewayHop: &injection{point: at, action: do}, deadline: longTimeout, want: want}
	if do == stall || do == stopReading || do == deliverAfterClose || do == sendByteByByte {
		f.deadline, f.want = shortTimeout, allowNotSent(want)
	}
	return f
}

// allowNotSent adds notSent to the outcomes of calls with a short deadline: on a busy machine, the
// deadline may pass before agentconf sends the request.
func allowNotSent(want []outcome) []outcome { return append(slices.Clip(want), notSent) }

// namedPoint is a fault point with its name in the table.
type namedPoint struct {
	name  string
	point faultPoint
}

// ending is a way in which a connection fails.
type ending struct {
	name   string
	action action
}

var endings = []ending{{"closed", closeConn}, {"reset", resetConn}, {"stalled", stall}}

// endingsAt returns a fault on the gateway hop for each point and each ending. subject begins the names.
func endingsAt(subject string, points []namedPoint, want ...outcome) (list []*fault) {
	for _, p := range points {
		for _, e := range endings {
			name := strings.TrimSpace(subject + " " + e.name + " " + p.name)
			list = append(list, gatewayHopFault(name, p.point, e.action, want...))
		}
	}
	return list
}

func connectFaults() []*fault {
	opened := append([]*fault{gatewayHopFault("accepted, never read", onAccept, stopReading, unknown, notSent)},
		endingsAt("accepted, then", []namedPoint{{"", onAccept}}, unknown, notSent)...)
	begun := []namedPoint{{"at its start", clientHello}, {"in its middle", serverHello}}
	handshake := append(endingsAt("TLS handshake", begun, notSent),
		endingsAt("TLS handshake", []namedPoint{{"at its end", clientFinished}}, notSent, unknown)...)
	for _, f := range handshake {
		f.needsTLS = true
	}
	list := append(opened, handshake...)
	for _, f := range list {
		f.oneVariant = true
	}
	refused := &fault{name: "connection refused", refuse: true, deadline: longTimeout, want: []outcome{notSent}}
	return append([]*fault{refused}, list...)
}

func requestFaults() []*fault {
	list := endingsAt("request", []namedPoint{
		{"after its first byte", requestStart}, {"after its headers", requestHead}, {"in its body", requestBody},
	}, unknown)
	withheld := append(endingsAt("request swallowed, then", []namedPoint{{"", requestEnd}}, unknown),
		gatewayHopFault("request delivered after the caller has left", requestEnd, deliverAfterClose, unknown))
	for _, f := range withheld {
		f.gatewayHop.withholdRequest = true
	}
	return append(append(list, withheld...),
		gatewayHopFault("request not read after its first byte", requestStart, stopReading, unknown))
}

func replyFaults() []*fault {
	return append(endingsAt("reply", []namedPoint{
		{"before its first byte", replyStart}, {"in its head", replyHead}, {"in its body", replyBody},
	}, unknown),
		gatewayHopFault("closed with the reply", replyEnd, closeConn, applied),
		gatewayHopFault("reset with the reply", replyEnd, resetConn, applied, unknown))
}

// delayFaults returns faults after which a call succeeds if its deadline allows.
func delayFaults() (list []*fault) {
	for _, p := range []namedPoint{{"connection", onAccept}, {"request", requestStart}, {"reply", replyStart}} {
		f := gatewayHopFault(p.name+" delayed", p.point, delay, applied)
		f.gatewayHop.delay = shortDelay
		f.oneVariant = p.point == onAccept
		list = append(list, f)
	}
	slow := gatewayHopFault("a byte of the reply each second", replyStart, sendByteByByte, unknown)
	slow.gatewayHop.delay = time.Second
	fast := gatewayHopFault("reply byte by byte", replyStart, sendByteByByte, applied)
	fast.gatewayHop.delay, fast.deadline = time.Microsecond, longTimeout
	return append(list, slow, fast)
}

// idleFaults returns closed idle connections of several ages. agentconf itself closes idle connections
// after 15 s.
func idleFaults(long bool) (list []*fault) {
	ages := []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond}
	if long {
		ages = append(ages, 2*time.Second, 14900*time.Millisecond, 15100*time.Millisecond)
	}
	add := func(name string, c idleClose, want ...outcome) {
		f := &fault{name: name, deadline: longTimeout, want: want, idleClose: &c, concurrent: !c.crosses}
		list = append(list, f)
	}
	for _, e := range endings[:2] {
		for _, age := range ages {
			name := fmt.Sprintf("idle connection %s after %v", e.name, age)
			add(name, idleClose{action: e.action, age: age}, applied)
			add(name+", a new one refused", idleClose{action: e.action, age: age, refuse: true}, notSent)
		}
	}
	for _, e := range append(endings[:2:2], ending{"half-closed", halfClose}) {
		add("idle connection "+e.name+" as the request arrives", idleClose{action: e.action, crosses: true},
			applied, unknown, notSent)
	}
	return list
}

// callerFaults returns callers that do not wait for the reply.
func callerFaults() (list []*fault) {
	for _, p := range []namedPoint{
		{"after the first byte of the request", requestStart}, {"after its headers", requestHead},
		{"in its body", requestBody}, {"before agentconf has any of it", requestEnd},
		{"as the reply begins", replyStart}, {"in the reply", replyHead},
	} {
		for _, e := range endings[:2] {
			list = append(list, &fault{
				name: "caller: connection " + e.name + " " + p.name, deadline: longTimeout, abandoned: true,
				clientHop: &injection{point: p.point, action: e.action, withholdRequest: p.point == requestEnd},
			})
		}
	}
	return append(list, cancelFault("before the call", beforeSend),
		cancelFault("when the gateway has the request", onArrival),
		cancelFault("when the gateway has replied", afterExecution))
}

func cancelFault(name string, at cancelTime) *fault {
	return &fault{name: "caller: cancels " + name, deadline: longTimeout, cancel: at, abandoned: true}
}

func deadlineFaults(long bool) (list []*fault) {
	for _, d := range []time.Duration{
		time.Nanosecond, time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
		time.Second, 5 * time.Second,
	} {
		name := fmt.Sprintf("caller: deadline of %v", d)
		list = append(list, &fault{name: name, deadline: d})
		if d > time.Second && !long {
			continue
		}
		list = append(list, &fault{
			name: name + ", and no reply", deadline: d, noReply: true, concurrent: d >= time.Second,
			want: []outcome{unknown, notSent},
		})
	}
	return list
}
