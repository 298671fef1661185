package lifecycle

import (
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
)

// countingCredentials counts the open connections of the gRPC port. It wraps a connection
// behind its handshake, because grpc-go sets options of the socket on the one before.
type countingCredentials struct {
	credentials.TransportCredentials
	open *atomic.Int64
}

// ServerHandshake implements credentials.TransportCredentials.
func (c countingCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := c.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	c.open.Add(1)
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = conn.RemoteAddr().String()
	}
	return &countedConn{Conn: conn, address: clientAddr{conn.RemoteAddr(), host}, open: c.open}, info, nil
}

// Clone implements credentials.TransportCredentials.
func (c countingCredentials) Clone() credentials.TransportCredentials {
	return countingCredentials{c.TransportCredentials.Clone(), c.open}
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

// clientAddr is the address of a client, with the text of its host.
type clientAddr struct {
	net.Addr
	host string
}

// Host returns the address without its port.
func (a clientAddr) Host() string { return a.host }
