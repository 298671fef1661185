package lifecycle

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/credentials"

	"agentconf/server/internal/telemetry"
)

// countingCredentials counts the open connections of the gRPC port. It wraps a connection
// behind its handshake, because grpc-go sets options of the socket on the one before.
type countingCredentials struct {
	credentials.TransportCredentials
	open     *atomic.Int64
	logPeers bool
}

// ServerHandshake implements credentials.TransportCredentials.
func (c countingCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := c.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	c.open.Add(1)
	host := ""
	if c.logPeers {
		host = telemetry.HostOf(conn.RemoteAddr())
	}
	return &countedConn{Conn: conn, address: clientAddr{conn.RemoteAddr(), host}, open: c.open}, info, nil
}

// Clone implements credentials.TransportCredentials.
func (c countingCredentials) Clone() credentials.TransportCredentials {
	return countingCredentials{c.TransportCredentials.Clone(), c.open, c.logPeers}
}

// countedConn is an open connection of the gRPC port.
type countedConn struct {
	net.Conn
	address clientAddr
	open    *atomic.Int64
	closed  sync.Once
}

// RemoteAddr implements net.Conn. Its address has the text of the host ready, since every
// call on the connection logs it.
func (c *countedConn) RemoteAddr() net.Addr { return c.address }

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.closed.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// withPeer adds the address of the client to the context of every request on an HTTP
// connection, if it may be logged.
func (s *Server) withPeer(ctx context.Context, conn net.Conn) context.Context {
	if !s.options.LogPeers {
		return ctx
	}
	return telemetry.WithPeer(ctx, telemetry.HostOf(conn.RemoteAddr()))
}

// clientAddr is the address of a client, with the text of its host for log records. The host
// is empty if records must not have it.
type clientAddr struct {
	net.Addr
	host string
}

// Host returns the address without its port.
func (a clientAddr) Host() string { return a.host }
