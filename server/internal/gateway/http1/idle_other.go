//go:build !unix

package http1

import "net"

// idleCheck cannot examine a socket: no read on this system returns without waiting.
type idleCheck struct {
	buffer [1]byte
}

func (*idleCheck) init(net.Conn) {}

// quiet returns false, so that every call opens its own connection.
func (*idleCheck) quiet() bool { return false }
