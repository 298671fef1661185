package agentgateway

import (
	"bufio"
	"errors"
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

// socket counts what is written to the network, TLS records included.
type socket struct {
	net.Conn
	written int64
}

func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.written += int64(n)
	return n, err
}

// answer reads at most left bytes of from. It keeps the error that ended it,
// since a parser may see no more than a line cut short.
type answer struct {
	from net.Conn
	left int
	err  error
}

var errTooLarge = errors.New("the reply is larger than 1 MiB")

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

// Close closes the socket without the farewell of TLS, which could block.
func (c *conn) Close() error { return c.socket.Close() }

// fit reports whether the connection may carry another call: not closed by the
// gateway, and with nothing to read. Whatever could be read now is no answer to a
// request that is still to be written.
func (c *conn) fit() bool {
	return !c.readable() && c.SetDeadline(time.Time{}) == nil && quiet(c.socket.Conn)
}

// readable reports whether TLS holds back decrypted or received bytes that the
// socket no longer shows. A read whose deadline has passed returns them, and
// otherwise fails without touching the socket.
func (c *conn) readable() bool {
	if c.Conn == net.Conn(c.socket) {
		return false
	}
	if c.SetReadDeadline(time.Unix(1, 0)) != nil {
		return true
	}
	n, err := c.Read(make([]byte, 1))
	return n > 0 || !errors.Is(err, os.ErrDeadlineExceeded)
}
