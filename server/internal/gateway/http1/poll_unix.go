//go:build unix

package http1

import (
	"io"
	"net"
	"os"
	"syscall"
)

// pollReader reads what a socket has received, and does not wait. Its closure is made once,
// so that a read costs one system call and no allocation.
type pollReader struct {
	raw  syscall.RawConn // nil for a connection in memory, which only tests use
	recv func(fd uintptr)

	into []byte // for recv, and n and err are its result
	n    int
	err  error
}

// init prepares the reader of nc, which is not TLS.
func (r *pollReader) init(nc net.Conn) {
	if sc, ok := nc.(syscall.Conn); ok {
		r.raw, _ = sc.SyscallConn() // fails only for a nil connection
	}
	r.recv = func(fd uintptr) {
		r.n, r.err = syscall.Read(int(fd), r.into)
		for r.err == syscall.EINTR {
			r.n, r.err = syscall.Read(int(fd), r.into)
		}
	}
}

// read returns os.ErrDeadlineExceeded if nothing has arrived, and io.EOF if the server has
// closed its side. It uses RawConn.Control, because RawConn.Read fails after the deadline of
// an earlier call.
func (r *pollReader) read(p []byte) (int, error) {
	if r.raw == nil {
		return 0, os.ErrDeadlineExceeded
	}
	r.into = p
	err := r.raw.Control(r.recv)
	r.into = nil
	switch {
	case err != nil:
		return 0, err
	case r.err == syscall.EAGAIN:
		return 0, os.ErrDeadlineExceeded
	case r.err != nil:
		return 0, r.err
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}
