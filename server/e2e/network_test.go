package e2e

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc/test/bufconn"
)

// network opens listeners, each with the function that dials it.
type network struct {
	name string
	grpc func(t *testing.T) (net.Listener, dialer)
	http func(t *testing.T) (net.Listener, dialer) // of the JSON front, and of the gateway
	tls  bool                                      // on both fronts, and HTTP/2 on the JSON port
}

type dialer func(ctx context.Context) (net.Conn, error)

// Memory is for bubbles of synctest, where time is free. HTTP sets and clears deadlines
// all the time; of the connections in memory only net.Pipe does that right.
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

// pipeListener accepts the ends of net.Pipe.
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
