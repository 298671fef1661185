//go:build !unix

package gateway

import "net"

// probe cannot look at a socket: there is no read here that does not wait.
type probe struct {
	buffer [1]byte
}

func (*probe) init(net.Conn) {}

// quiet reports false, so that every call opens a connection of its own rather than
// trust an idle one.
func (*probe) quiet() bool { return false }
