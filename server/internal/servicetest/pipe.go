package servicetest

import (
	"context"
	"net"
	"sync"
)

// PipeListener accepts connections in memory. Unlike those of bufconn, their deadlines
// expire with os.ErrDeadlineExceeded, as those of TCP connections do. Unlike TCP
// connections, they work in a testing/synctest bubble, and a write blocks until the peer
// reads.
type PipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

// ListenPipe returns a listener in memory.
func ListenPipe() *PipeListener {
	return &PipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial returns the client's end of a new connection. It blocks until Accept takes the other
// end. A closed listener refuses with net.ErrClosed.
func (l *PipeListener) Dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *PipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It leaves the connections open, and may be called again.
func (l *PipeListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *PipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
