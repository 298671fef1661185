package lifecycle

import (
	"context"
	"net"
	"time"
)

// Listen opens a TCP port. It does not use Multipath TCP, Go's default, whose sockets
// do not take the filter of closeQuietly.
func Listen(address string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	return config.Listen(context.Background(), "tcp", address)
}

// closeQuietly closes listeners without resetting connections in their accept queues.
// New connections are ignored first: their clients try again after a second, and are
// refused then.
func closeQuietly(listeners ...net.Listener) {
	ignored := false
	for _, l := range listeners {
		ignored = ignoreNew(l) || ignored
	}
	if ignored {
		time.Sleep(acceptGrace)
	}
	for _, l := range listeners {
		l.Close()
	}
}

// writeDeadlineListener gives every write on its connections a deadline. The write
// timeout of net/http is for a whole call, and a watch lasts for hours.
type writeDeadlineListener struct {
	net.Listener
	timeout time.Duration
}

// Accept implements net.Listener.
func (l writeDeadlineListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return writeDeadlineConn{conn, l.timeout}, nil
}

type writeDeadlineConn struct {
	net.Conn
	timeout time.Duration
}

// Write implements net.Conn. TLS writes here, too: the listener is beneath it.
func (c writeDeadlineConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
