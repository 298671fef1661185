// Package http1 is an HTTP/1.1 client connection that reports whether any byte of a
// request was written. net/http does not report that, and may send a request twice.
//
// A call uses the methods of a Conn in this order:
//
//	err := c.CheckQuiet()
//	c.Begin(ctx, deadline)
//	written, err := c.Send(request)
//	c.Await() // if the response may be long in coming
//	response, err := c.Receive("Set-GUID")
//	reusable := c.End()
//
// The package sends a request as it is given. Of a response it reads the status, the
// fields that determine the end and the charset of the body, and one field that the caller
// names.
package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// Conn is a connection to a server. It carries one call at a time and is not safe for
// concurrent use.
type Conn struct {
	stream   net.Conn // TLS over socket, or socket itself
	socket   *socket
	limited  limitedReader // reads stream
	reader   *bufio.Reader // reads limited; nil before the first Receive, and in Await
	reusable bool          // the response was complete, and the server keeps the connection
	unasked  [1]byte       // takes a byte that CheckQuiet finds

	interrupt    func()      // ends the reads and writes of a call; made once for all calls
	stopWatching func() bool // whether interrupt will never run; nil without a context
}

// Open returns a connection over nc, which it owns from then on. If config is not nil,
// Open starts TLS, and ctx bounds the handshake. If the handshake fails, Open closes nc.
func Open(ctx context.Context, nc net.Conn, config *tls.Config) (*Conn, error) {
	s := &socket{Conn: nc}
	s.poll.init(nc)
	c := &Conn{stream: s, socket: s, interrupt: func() { nc.SetDeadline(time.Unix(1, 0)) }}
	if config != nil {
		secured := tls.Client(s, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		c.stream = secured
	}
	c.limited.from = c.stream
	return c, nil
}

// Begin starts a call. Until End, a read or write that goes on at deadline, or when ctx
// is done, fails with os.ErrDeadlineExceeded.
func (c *Conn) Begin(ctx context.Context, deadline time.Time) {
	c.reusable = false
	c.socket.SetDeadline(deadline) // fails only on a closed socket, where Send fails too
	if ctx.Done() != nil {
		c.stopWatching = context.AfterFunc(ctx, c.interrupt)
	}
}

// CheckQuiet returns an error if the connection cannot carry a request: the server has
// closed it, or has sent something that no request asked for. Bytes that precede a request
// cannot be its response. It reads what has arrived, does not wait, and has no deadline. TLS
// handles its own messages in it, such as the session tickets after a handshake.
func (c *Conn) CheckQuiet() error {
	c.socket.polling = true
	n, err := c.stream.Read(c.unasked[:])
	c.socket.polling = false
	switch {
	case n > 0:
		return errUnasked
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case errors.Is(err, io.EOF):
		return errClosed
	}
	return err
}

// Send writes request. It reports whether any byte reached the network: if none did, the
// server cannot have executed the request.
func (c *Conn) Send(request []byte) (written bool, err error) {
	before := c.socket.written
	_, err = c.stream.Write(request)
	return c.socket.written > before, err
}

// Await returns when the response begins or the call has failed, which Receive reports. The
// connection has no buffer while it waits.
func (c *Conn) Await() {
	if c.reader != nil {
		c.reader.Reset(nil)
		readers.Put(c.reader)
		c.reader = nil
	}
	c.socket.await()
}

// End ends the call. It reports whether the connection can carry another one: the
// response was complete and the last, and interrupt can no longer hit a later call.
func (c *Conn) End() bool {
	stop := c.stopWatching
	c.stopWatching = nil
	return (stop == nil || stop()) && c.reusable
}

// Close closes the socket and ends the call, if there is one. It does not close TLS,
// which could block.
func (c *Conn) Close() error {
	c.End()
	return c.socket.Close()
}

// CloseTLS closes TLS in order and waits until the server has closed it too, so that the
// server does not log a reset; the call's deadline bounds the wait. It returns an error if
// the server rejects the client: with TLS 1.3 the server does so only after the handshake.
// Without TLS it does nothing.
func (c *Conn) CloseTLS() error {
	secured, ok := c.stream.(*tls.Conn)
	if !ok {
		return nil
	}
	if err := secured.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, secured)
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return err
	}
	return nil
}
