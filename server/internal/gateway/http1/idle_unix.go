//go:build unix

package http1

import (
	"net"
	"syscall"
)

// idleCheck examines an idle socket by a read that does not wait. Its closure is made
// once, so that a check costs one system call and no allocation.
type idleCheck struct {
	raw    syscall.RawConn // nil for a connection in memory, which only tests use
	read   func(fd uintptr) (done bool)
	empty  bool
	buffer [1]byte
}

// init prepares the check of nc, which is not TLS.
func (c *idleCheck) init(nc net.Conn) {
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn() // fails only for a nil connection
	}
	c.read = func(fd uintptr) bool {
		_, err := syscall.Read(int(fd), c.buffer[:])
		c.empty = err == syscall.EAGAIN
		return true
	}
}

// quiet reports whether the socket is open and has nothing to read. The read returns EAGAIN
// then; it returns 0 bytes if the server has closed its side.
func (c *idleCheck) quiet() bool {
	if c.raw == nil {
		return true
	}
	c.empty = false
	err := c.raw.Read(c.read)
	return err == nil && c.empty
}
