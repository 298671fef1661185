package gateway

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// unwatched is how long a call goes on before its caller is watched for giving up.
// Many answers come sooner, and to watch a context takes four allocations where a
// call otherwise takes one.
const unwatched = 20 * time.Millisecond

// socket is the connection to the network, beneath TLS. It counts what is written,
// TLS records included, and ends what takes longer than its call may. It does that
// beneath TLS, which could not go on after a write that ran out of time.
type socket struct {
	net.Conn
	probe   probe
	written int64
	dry     bool // reads find nothing

	ctx    context.Context // of the caller, during a call
	rest   time.Time       // the deadline of the call, until its caller is watched
	forget func() bool     // ends the watch, if there is one
	hangUp func()          // ends what the call waits for
}

func newSocket(nc net.Conn) *socket {
	s := &socket{Conn: nc}
	s.probe.init(nc)
	s.hangUp = func() { s.SetDeadline(time.Unix(1, 0)) }
	return s
}

// begin binds the socket to a call.
func (s *socket) begin(ctx context.Context, deadline time.Time) {
	s.ctx, s.rest = ctx, time.Time{}
	first := time.Now().Add(unwatched)
	if ctx.Done() != nil && first.Before(deadline) {
		s.rest, deadline = deadline, first
	}
	s.SetDeadline(deadline) // fails on a closed socket only, and so will the write
}

// goOn reports whether a call goes on that ran into err: only the time was over in
// which its caller is not watched. From now on it is.
func (s *socket) goOn(err error) bool {
	if s.rest.IsZero() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	s.SetDeadline(s.rest)
	s.rest = time.Time{}
	s.forget = context.AfterFunc(s.ctx, s.hangUp)
	return true
}

// end releases the socket from its call. It reports whether another may have it:
// not if the caller gave up, whose watch may still be reaching for the deadline.
func (s *socket) end() bool {
	free := s.ctx.Err() == nil && (s.forget == nil || s.forget())
	s.ctx, s.forget = nil, nil
	return free
}

func (s *socket) Read(p []byte) (int, error) {
	if s.dry {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := s.Conn.Read(p)
	if n == 0 && s.goOn(err) {
		n, err = s.Conn.Read(p)
	}
	return n, err
}

func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	if s.goOn(err) {
		var m int
		m, err = s.Conn.Write(p[n:])
		n += m
	}
	s.written += int64(n)
	return n, err
}
