//go:build unix

package gateway

import (
	"net"
	"syscall"
)

// probe looks at a socket by a read that does not wait. What it needs is made once,
// so that a look costs one system call and nothing else.
type probe struct {
	raw    syscall.RawConn // nil for an in-memory connection of a test
	read   func(fd uintptr) (done bool)
	empty  bool
	buffer [1]byte
}

func (p *probe) init(nc net.Conn) {
	if sc, ok := nc.(syscall.Conn); ok {
		p.raw, _ = sc.SyscallConn() // which fails for a nil connection only
	}
	p.read = func(fd uintptr) bool {
		_, err := syscall.Read(int(fd), p.buffer[:])
		p.empty = err == syscall.EAGAIN
		return true
	}
}

// quiet reports whether the socket is open and has nothing to read.
func (p *probe) quiet() bool {
	if p.raw == nil {
		return true
	}
	p.empty = false
	err := p.raw.Read(p.read)
	return err == nil && p.empty
}
