package e2e

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc/test/bufconn"
)

// network opens listeners, and returns a dialer for each.
type network struct {
	name string
	grpc func(t *testing.T) (net.Listener, dialer)
	http func(t *testing.T) (net.Listener, dialer) // for the JSON front and the gateway
	tls  bool                                      // TLS on both fronts, HTTP/2 on the JSON port
}

// dialer opens a connection to one listener.
type dialer func(ctx context.Context) (net.Conn, error)

// A bubble of synctest needs the networks in memory. net/http sets and clears deadlines on
// a connection; of the connections in memory, only net.Pipe supports both.
var (
	sockets = network{"sockets", listenTCP, listenTCP, false}
	memory  = network{"memory", listenBuffered, listenPipe, false}

	securedSockets = network{"sockets with TLS", listenTCP, listenTCP, true}
	securedMemory  = network{"memory with TLS", listenBuffered, listenBuffered, true}
)

func listenTCP(t *testing.T) (net.Listener, dialer) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
}

func listenBuffered(*testing.T) (net.Listener, dialer) {
	l := bufconn.Listen(64 << 10)
	return l, l.DialContext
}

// pipeListener is a listener of net.Pipe connections.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func listenPipe(*testing.T) (net.Listener, dialer) {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return l, l.dial
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
