package e2e

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc/test/bufconn"

	"agentconf/server/internal/servicetest"
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

func listenPipe(*testing.T) (net.Listener, dialer) {
	l := servicetest.ListenPipe()
	return l, l.Dial
}
