package gateway

import (
	"bufio"
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
