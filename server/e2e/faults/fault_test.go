package faults

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	ample = 5 * time.Second        // a deadline that nothing reaches
	brief = 150 * time.Millisecond // one that is reached
	pause = 50 * time.Millisecond  // of what is only slow
)

// fault is what goes wrong with a call. One of its parts is set.
type fault struct {
	name     string
	deadline time.Duration
	want     []verdict // what callers may be told; nil is anything

	refuse bool      // connections to the gateway
	far    *script   // at the proxy before the gateway
	closes *closing  // of idle connections by the gateway
	answer answer    // instead of the gateway's
	near   *script   // at the proxy before agentconf
	cancel moment    // at which the caller gives up
	awaits *awaiting // calls await their event
	silent bool      // the gateway does not answer
	gone   bool      // the caller does not wait for its answer
	tls    bool      // it needs TLS
	fresh  bool      // it needs a connection of its own
	crowd  bool      // calls are made at the same time
	row    row
}

// closing is how the gateway closes a connection that served a call.
type closing struct {
	do      action
	age     time.Duration // of the idle connection
	refuses bool          // there is no new connection either
	crosses bool          // the next call does not wait until it is closed
}

// moment is when a caller gives up.
type moment int

const (
	never    moment = iota
	before          // anything is sent
	arrived         // the request is at the gateway
	answered        // the gateway has carried it out
)

// allFaults are those of a run. The long one has ages and deadlines of seconds.
func allFaults(long bool) []*fault {
	return slices.Concat(connecting(), requesting(), replying(), slow(), idle(long), answers(), leaving(), deadlines(long), confirming())
}

// ends are the ways in which a connection fails.
var ends = []struct {
	name string
	do   action
}{{"closed", finish}, {"reset", reset}, {"stalled", stall}}

// patienceFor is the deadline of a call whose connection fails in that way.
func patienceFor(do action) time.Duration {
	if do == stall || do == stopReading || do == holdBack || do == drip {
		return brief
	}
	return ample
}

func atFar(name string, at place, do action, want ...verdict) *fault {
	f := &fault{name: name, far: &script{at: at, do: do}, deadline: patienceFor(do), want: want}
	if f.deadline == brief && !slices.Contains(want, notReached) { // on a busy machine
		f.want = append(f.want, notReached)
	}
	return f
}

func connecting() []*fault {
	list := []*fault{
		{name: "connection refused", refuse: true, deadline: ample, want: []verdict{notReached}},
		atFar("accepted, never read", accepted, stopReading, unknown, notReached),
	}
	for _, e := range ends {
		f := atFar("accepted, then "+e.name, accepted, e.do, unknown, notReached)
		f.fresh = true
		list = append(list, f)
	}
	for _, p := range []struct {
		name string
		at   place
	}{{"at its begin", hello}, {"in its middle", serverHello}, {"at its end", finished}} {
		for _, e := range ends {
			f := atFar("TLS handshake "+e.name+" "+p.name, p.at, e.do, notReached)
			f.tls, f.fresh = true, true
			if p.at == finished {
				f.want = append(f.want, unknown)
			}
			list = append(list, f)
		}
	}
	list[1].fresh = true
	return list
}

func requesting() (list []*fault) {
	for _, p := range []struct {
		name string
		at   place
	}{{"after its first byte", requestFirst}, {"after its headers", requestHead}, {"in its body", requestBody}} {
		for _, e := range ends {
			list = append(list, atFar("request "+e.name+" "+p.name, p.at, e.do, unknown))
		}
	}
	for _, e := range ends {
		f := atFar("request swallowed, then "+e.name, requestEnd, e.do, unknown)
		f.far.all = true
		list = append(list, f)
	}
	late := atFar("request delivered when the caller has gone", requestEnd, holdBack, unknown)
	late.far.all = true
	return append(list, late, atFar("half-open: reads no more", requestFirst, stopReading, unknown))
}

func replying() (list []*fault) {
	for _, p := range []struct {
		name string
		at   place
	}{{"before its first byte", replyBegin}, {"in its head", replyHead}, {"in its body", replyBody}} {
		for _, e := range ends {
			list = append(list, atFar("reply "+e.name+" "+p.name, p.at, e.do, unknown))
		}
	}
	return append(list, atFar("closed with the reply", replyEnd, finish, applied),
		atFar("reset with the reply", replyEnd, reset, applied, unknown))
}

// slow are those after which all is well, if there is time for it.
func slow() (list []*fault) {
	for _, p := range []struct {
		name string
		at   place
	}{{"connection", accepted}, {"request", requestFirst}, {"reply", replyBegin}} {
		f := atFar(p.name+" delayed", p.at, wait, applied)
		f.far.after = pause
		list = append(list, f)
	}
	list[0].fresh = true
	seconds := atFar("a byte of the reply a second", replyBegin, drip, unknown)
	seconds.far.after = time.Second
	bytes := atFar("a byte of the reply at a time", replyBegin, drip, applied)
	bytes.far.after, bytes.deadline = time.Microsecond, ample
	return append(list, seconds, bytes)
}

// idle are closed connections, at several ages. agentconf keeps them for 15 s.
func idle(long bool) (list []*fault) {
	ages := []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond}
	if long {
		ages = append(ages, 2*time.Second, 14900*time.Millisecond, 15100*time.Millisecond)
	}
	for _, e := range ends[:2] {
		for _, age := range ages {
			name := fmt.Sprintf("idle connection %s after %v", e.name, age)
			list = append(list, &fault{
				name: name, deadline: ample, crowd: true,
				want: []verdict{applied}, closes: &closing{do: e.do, age: age},
			}, &fault{
				name: name + ", a new one refused", deadline: ample, crowd: true,
				want: []verdict{notReached}, closes: &closing{do: e.do, age: age, refuses: true},
			})
		}
	}
	for _, c := range []struct {
		name string
		do   action
	}{{"closed", finish}, {"reset", reset}, {"half-closed", halfClose}} {
		list = append(list, &fault{
			name:     "idle connection " + c.name + " as the request comes",
			deadline: ample, want: []verdict{applied, unknown, notReached}, closes: &closing{do: c.do, crosses: true},
		})
	}
	return list
}

// leaving are callers who do not wait for the answer.
func leaving() (list []*fault) {
	for _, p := range []struct {
		name string
		at   place
	}{
		{"after the first byte of the request", requestFirst}, {"after its headers", requestHead},
		{"in its body", requestBody}, {"before agentconf has any of it", requestEnd},
		{"as the reply begins", replyBegin}, {"in the reply", replyHead},
	} {
		for _, e := range ends[:2] {
			list = append(list, &fault{
				name: "caller: " + e.name + " " + p.name, deadline: ample, gone: true,
				near: &script{at: p.at, do: e.do, all: p.at == requestEnd},
			})
		}
	}
	return append(list,
		&fault{name: "caller: gives up before anything is sent", deadline: ample, cancel: before, gone: true},
		&fault{name: "caller: gives up when the gateway has the request", deadline: ample, cancel: arrived, gone: true},
		&fault{name: "caller: gives up when the gateway has answered", deadline: ample, cancel: answered, gone: true})
}

func deadlines(long bool) (list []*fault) {
	all := []time.Duration{
		time.Nanosecond, time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
		time.Second, 5 * time.Second,
	}
	for _, d := range all {
		list = append(list, &fault{name: fmt.Sprintf("caller: deadline of %v", d), deadline: d})
		if d > time.Second && !long {
			continue
		}
		list = append(list, &fault{
			name:     fmt.Sprintf("caller: deadline of %v, and no answer", d),
			deadline: d, silent: true, crowd: d >= time.Second, want: []verdict{unknown, notReached},
		})
	}
	return list
}

// answer writes one that is not the gateway's.
type answer func(w http.ResponseWriter, r *http.Request)
