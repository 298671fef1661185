//go:build !unix

package http1

import (
	"io"
	"net"
	"os"
)

// pollReader cannot read: no read on this system returns without waiting. It reports a new
// connection as quiet and a used one as closed, so that every call opens its own.
type pollReader struct{ used bool }

func (*pollReader) init(net.Conn) {}

func (r *pollReader) read([]byte) (int, error) {
	if r.used {
		return 0, io.EOF
	}
	r.used = true
	return 0, os.ErrDeadlineExceeded
}
