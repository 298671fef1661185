package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"agentconf/internal/leaktest"
)

// server runs serve for every connection to l until the test ends, and counts
// them. One that returns closes the connection.
type server struct {
	net.Listener
	serve func(*session)

	mu    sync.Mutex
	conns []net.Conn
	reads int
}

// session is one connection, from the gateway's side.
type session struct {
	net.Conn
	server *server
	r      *bufio.Reader
}

func newServer(t *testing.T, l net.Listener, serve func(*session)) *server {
	t.Helper()
	leaktest.Check(t)
	s := &server{Listener: l, serve: serve}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			done.Go(func() {
				defer c.Close()
				serve(&session{c, s, bufio.NewReader(c)})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		done.Wait()
	})
	return s
}

// next reads a request, and reports whether there was one.
func (s *session) next() bool {
	req, err := http.ReadRequest(s.r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.reads++
	return true
}

// counts returns how many connections were opened and requests read.
func (s *server) counts() (conns, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), s.reads
}

// answering serves every request with raw.
func answering(raw string) func(*session) {
	return func(s *session) {
		for s.next() {
			if _, err := io.WriteString(s, raw); err != nil {
				return
			}
		}
	}
}
