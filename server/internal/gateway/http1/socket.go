package http1

import (
	"io"
	"net"
)

// socket is the network connection, beneath TLS if there is TLS.
type socket struct {
	net.Conn
	poll    pollReader
	written int64 // bytes that the network took, those of TLS records included
	polling bool  // Read does not wait

	first    [1]byte // byte that await has read, of which the next Read returns firstLen
	firstLen int
	firstErr error // of await; also for the next Read
}

// await waits for a byte or an error, and leaves it to the next Read. A goroutine that waits
// here needs neither a buffer nor the stack of TLS and of the parser.
func (s *socket) await() { s.firstLen, s.firstErr = s.Conn.Read(s.first[:]) }

// Read implements net.Conn. While polling is set, it returns os.ErrDeadlineExceeded, from
// which TLS recovers, if nothing has arrived.
func (s *socket) Read(p []byte) (int, error) {
	if s.polling {
		return s.poll.read(p)
	}
	if s.firstLen > 0 || s.firstErr != nil {
		n, err := copy(p, s.first[:s.firstLen]), s.firstErr
		s.firstLen, s.firstErr = 0, nil
		return n, err
	}
	return s.Conn.Read(p)
}

// Write implements net.Conn. It counts the bytes even if it fails.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.written += int64(n)
	return n, err
}

// limitedReader reads at most left bytes of from. It keeps the last error, because a
// parser may report a truncated line instead.
type limitedReader struct {
	from net.Conn
	left int
	err  error
}

// Read implements io.Reader.
func (r *limitedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		r.err = errTooLarge
		return 0, r.err
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	r.err = err
	return n, err
}

// cause returns the error that ended the reading, or err if the parser found it.
func (r *limitedReader) cause(err error) error {
	switch r.err {
	case nil:
		return err
	case io.EOF:
		return errTruncated
	}
	return r.err
}
