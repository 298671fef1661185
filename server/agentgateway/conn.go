package agentgateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// conn is one connection to the gateway. One call at a time uses it.
type conn struct {
	net.Conn          // what is read and written: TLS, or the socket itself
	socket    *socket // beneath it
	answer    answer  // bounds what one call reads
	reader    *bufio.Reader
	idleSince time.Time
}

// answer reads at most left bytes of from. It keeps the error that ended it,
// since a parser may see no more than a line cut short.
type answer struct {
	from net.Conn
	left int
	err  error
}

func (a *answer) Read(p []byte) (int, error) {
	if a.left <= 0 {
		a.err = errTooLarge
		return 0, a.err
	}
	n, err := a.from.Read(p[:min(len(p), a.left)])
	a.left -= n
	a.err = err
	return n, err
}

// failure is what ended the reading, if err is no more than the parser's view of it.
func (a *answer) failure(err error) error {
	switch a.err {
	case nil:
		return err
	case io.EOF:
		return errCut
	}
	return a.err
}

// newConn makes a connection of s and what is spoken on it.
func newConn(s *socket, spoken net.Conn) *conn {
	c := &conn{Conn: spoken, socket: s, answer: answer{from: spoken}}
	c.reader = bufio.NewReaderSize(&c.answer, maxLine)
	return c
}

// Close closes the socket without the farewell of TLS, which could block.
func (c *conn) Close() error { return c.socket.Close() }

// fit reports whether the connection may carry another call: not closed by the
// gateway, and with nothing to read. Whatever could be read now is no answer to a
// request that is still to be written.
func (c *conn) fit() bool {
	return !c.readable() && c.socket.probe.quiet()
}

// readable reports whether TLS holds back decrypted or received bytes that the
// socket no longer shows. A read of it returns them, and otherwise finds the
// socket dry.
func (c *conn) readable() bool {
	if c.Conn == net.Conn(c.socket) {
		return false
	}
	c.socket.dry = true
	defer func() { c.socket.dry = false }()
	n, err := c.Read(c.socket.probe.buffer[:])
	return n > 0 || !errors.Is(err, os.ErrDeadlineExceeded)
}

// unwatched is how long a call goes on before its caller is watched for giving up.
// Many answers come sooner, and to watch a context takes four allocations where a
// call otherwise takes one.
const unwatched = 20 * time.Millisecond

// socket is the connection to the network, beneath TLS. It counts what is written,
// TLS records included, and ends what takes longer than its call may.
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

// goOn reports whether a call goes on that ran into err: its caller was not watched
// so far, and is from now on.
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
