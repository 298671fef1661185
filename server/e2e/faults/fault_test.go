package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"agentconf/emulator"
	"agentconf/emulator/proxy"
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
	gatewayHop   *proxy.Injection   // at the proxy between agentconf and the gateway
	clientHop    *proxy.Injection   // at the proxies between the clients and agentconf
	idleClose    *idleClose         // of connections to the gateway
	reply        *emulator.Fault    // replaces the gateway's reply by a malformed one
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
	action  proxy.Action
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
func gatewayHopFault(name string, at proxy.Point, do proxy.Action, want ...outcome) *fault {
	f := &fault{name: name, gatewayHop: &proxy.Injection{Point: at, Action: do}, deadline: longTimeout, want: want}
	if do == proxy.Stall || do == proxy.StopReading || do == proxy.DeliverAfterClose || do == proxy.SendByteByByte {
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
	point proxy.Point
}

// ending is a way in which a connection fails.
type ending struct {
	name   string
	action proxy.Action
}

var endings = []ending{{"closed", proxy.CloseConn}, {"reset", proxy.ResetConn}, {"stalled", proxy.Stall}}

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
	opened := append([]*fault{gatewayHopFault("accepted, never read", proxy.OnAccept, proxy.StopReading, unknown, notSent)},
		endingsAt("accepted, then", []namedPoint{{"", proxy.OnAccept}}, unknown, notSent)...)
	begun := []namedPoint{{"at its start", proxy.ClientHello}, {"in its middle", proxy.ServerHello}}
	handshake := append(endingsAt("TLS handshake", begun, notSent),
		endingsAt("TLS handshake", []namedPoint{{"at its end", proxy.ClientFinished}}, notSent, unknown)...)
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
		{"after its first byte", proxy.RequestStart}, {"after its headers", proxy.RequestHead}, {"in its body", proxy.RequestBody},
	}, unknown)
	withheld := append(endingsAt("request swallowed, then", []namedPoint{{"", proxy.RequestEnd}}, unknown),
		gatewayHopFault("request delivered after the caller has left", proxy.RequestEnd, proxy.DeliverAfterClose, unknown))
	for _, f := range withheld {
		f.gatewayHop.WithholdRequest = true
	}
	return append(append(list, withheld...),
		gatewayHopFault("request not read after its first byte", proxy.RequestStart, proxy.StopReading, unknown))
}

func replyFaults() []*fault {
	return append(endingsAt("reply", []namedPoint{
		{"before its first byte", proxy.ReplyStart}, {"in its head", proxy.ReplyHead}, {"in its body", proxy.ReplyBody},
	}, unknown),
		gatewayHopFault("closed with the reply", proxy.ReplyEnd, proxy.CloseConn, applied),
		gatewayHopFault("reset with the reply", proxy.ReplyEnd, proxy.ResetConn, applied, unknown))
}

// delayFaults returns faults after which a call succeeds if its deadline allows.
func delayFaults() (list []*fault) {
	for _, p := range []namedPoint{{"connection", proxy.OnAccept}, {"request", proxy.RequestStart}, {"reply", proxy.ReplyStart}} {
		f := gatewayHopFault(p.name+" delayed", p.point, proxy.Delay, applied)
		f.gatewayHop.Delay = shortDelay
		f.oneVariant = p.point == proxy.OnAccept
		list = append(list, f)
	}
	slow := gatewayHopFault("a byte of the reply each second", proxy.ReplyStart, proxy.SendByteByByte, unknown)
	slow.gatewayHop.Delay = time.Second
	fast := gatewayHopFault("reply byte by byte", proxy.ReplyStart, proxy.SendByteByByte, applied)
	fast.gatewayHop.Delay, fast.deadline = time.Microsecond, longTimeout
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
	for _, e := range append(endings[:2:2], ending{"half-closed", proxy.HalfClose}) {
		add("idle connection "+e.name+" as the request arrives", idleClose{action: e.action, crosses: true},
			applied, unknown, notSent)
	}
	return list
}

// callerFaults returns callers that do not wait for the reply.
func callerFaults() (list []*fault) {
	for _, p := range []namedPoint{
		{"after the first byte of the request", proxy.RequestStart}, {"after its headers", proxy.RequestHead},
		{"in its body", proxy.RequestBody}, {"before agentconf has any of it", proxy.RequestEnd},
		{"as the reply begins", proxy.ReplyStart}, {"in the reply", proxy.ReplyHead},
	} {
		for _, e := range endings[:2] {
			list = append(list, &fault{
				name: "caller: connection " + e.name + " " + p.name, deadline: longTimeout, abandoned: true,
				clientHop: &proxy.Injection{Point: p.point, Action: e.action, WithholdRequest: p.point == proxy.RequestEnd},
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
