package faults

import (
	"sync"
	"time"
)

// place is a point of an exchange, in the order of time.
type place int

const (
	nowhere     place = iota
	accepted          // before any byte
	hello             // the client has begun the handshake of TLS
	serverHello       // 50 bytes of the answer to that are through
	finished          // the client ends the handshake
	requestFirst
	requestHead
	requestBody // 5 bytes before its end
	requestEnd
	replyBegin // the request is delivered, and nothing of the reply
	replyHead
	replyBody // 5 bytes before its end
	replyEnd
)

// cutShort is how many bytes a cut leaves out "in the body".
const cutShort = 5

// action is what is done at a place.
type action int

const (
	pass        action = iota
	finish             // say that nothing more comes, and listen no more
	reset              // break the connection
	stall              // say nothing more, and listen no more
	stopReading        // not even read
	halfClose          // say that nothing more comes, and go on listening
	wait               // go on after a while
	drip               // go on, a byte at a time with a while between
	holdBack           // go on when the client has gone
)

// script is what a proxy does to connections, once it is armed with it.
type script struct {
	at    place
	do    action
	after time.Duration // how long to wait before it is done, or between bytes
	all   bool          // of the request nothing is let through before that

	request, reply traffic // of what is to be cut

	done chan struct{} // closed when it is done
	once sync.Once
}

// prepared is a script like s for one call, whose request and reply have that size.
func (s *script) prepared(request, reply traffic) *script {
	return &script{
		at: s.at, do: s.do, after: s.after, all: s.all,
		request: request, reply: reply, done: make(chan struct{}),
	}
}

func (s *script) isDone() { s.once.Do(func() { close(s.done) }) }

// here reports whether what m has counted of direction d is the place to act at.
func (s *script) here(d direction, handshake bool, m *meter) bool {
	switch s.at {
	case hello:
		return d == up && handshake && m.wire > 0
	case serverHello:
		return d == down && handshake && m.wire > 50
	case finished:
		return d == up && handshake && m.secret && m.have == 1
	}
	return !handshake && s.hereInMessage(d, m)
}

// hereInMessage is here behind the handshake.
func (s *script) hereInMessage(d direction, m *meter) bool {
	switch s.at {
	case requestFirst:
		return d == up && m.wire >= 1
	case requestHead:
		return d == up && m.plain >= s.request.head
	case requestBody:
		return d == up && m.plain >= s.request.all-cutShort
	case requestEnd:
		return d == up && m.complete(s.request.all)
	case replyBegin:
		return d == down && m.wire >= 1
	case replyHead:
		return d == down && m.plain >= s.reply.head
	case replyBody:
		return d == down && m.plain >= s.reply.all-cutShort
	case replyEnd:
		return d == down && m.complete(s.reply.all)
	}
	return false
}

// lets reports whether the byte at which here became true is still let through.
func (s *script) lets() bool { return s.at != hello && s.at != finished && s.at != replyBegin }
