package gateway

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
)

// Await has nothing to wait for if the request was not sent. Reply returns the error.
func TestAwaitUnsentRequest(t *testing.T) {
	c := newClient(t, Options{
		URL:  "http://gateway",
		Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errRefused },
	})
	x := c.Send(t.Context(), hold)
	x.Await()
	if _, err := x.Reply(); kind(t, err) != NotSent {
		t.Errorf("error %v", err)
	}
}

// A reply that was awaited is read as usual, and its connection carries the next call.
func TestAwaitReply(t *testing.T) {
	s := newServer(t, listen(t), replying(ok))
	c := newClient(t, Options{URL: s.url()})
	for range 2 {
		x := c.Send(t.Context(), hold)
		x.Await()
		if reply, err := x.Reply(); err != nil || reply.Retcode != Success {
			t.Errorf("%+v, error %v", reply, err)
		}
	}
	if conns, requests := s.counts(); conns != 1 || requests != 2 {
		t.Errorf("%d connections for %d requests, want 1 for 2", conns, requests)
	}
}

// A response that lies in a new connection before the request was written is not taken for
// its answer, and the request is not sent.
func TestResponseBeforeRequest(t *testing.T) {
	written := make(chan struct{})
	s := newServer(t, listen(t), func(s *session) {
		io.WriteString(s, ok)
		close(written)
		s.next()
	})
	c := newClient(t, Options{URL: s.url(), Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		<-written
		return nc, err
	}})
	if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != NotSent || !strings.Contains(err.Error(), "before it got a request") {
		t.Errorf("error %v, want %v", err, NotSent)
	}
	if conns, requests := s.counts(); conns != 1 || requests != 0 {
		t.Errorf("%d connections and %d requests, want 1 and 0", conns, requests)
	}
}

// The gateway may close a connection, or half of it, behind a reply that did not announce
// that, or send another reply. The next call must notice before it writes.
func TestSpoiledConnectionIsNotReused(t *testing.T) {
	for name, act := range map[string]func(*session){
		"closed":            func(s *session) { s.Close() },
		"closed for writes": func(s *session) { s.Conn.(*net.TCPConn).CloseWrite() },
		"another reply":     func(s *session) { io.WriteString(s, ok) },
	} {
		t.Run(name, func(t *testing.T) {
			acted := make(chan struct{})
			s := newServer(t, listen(t), func(s *session) {
				s.next()
				io.WriteString(s, ok)
				act(s)
				acted <- struct{}{}
				s.next()
			})
			c := newClient(t, Options{URL: s.url()})
			for range 3 {
				if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
					t.Fatal(err)
				}
				<-acted
			}
			if conns, requests := s.counts(); conns != 3 || requests != 3 {
				t.Errorf("%d connections and %d requests, want 3 and 3", conns, requests)
			}
		})
	}
}

// A gateway that closes its side instead of replying may have executed the request.
func TestHalfClosedWithoutReply(t *testing.T) {
	s := newServer(t, listen(t), func(s *session) {
		s.next()
		s.Conn.(*net.TCPConn).CloseWrite()
		s.next()
	})
	c := newClient(t, Options{URL: s.url()})
	const want = "closed the connection before the reply was complete"
	if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != Broken || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %v: %s", err, Broken, want)
	}
}

// A request that is lost on a connection used before is not sent again.
func TestNoSecondAttempt(t *testing.T) {
	s := newServer(t, listen(t), func(s *session) {
		s.next()
		io.WriteString(s, ok)
		s.next() // and closes the connection without a reply
	})
	c := newClient(t, Options{URL: s.url()})
	if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != Broken {
		t.Errorf("error %v, want %v", err, Broken)
	}
	if conns, requests := s.counts(); conns != 1 || requests != 2 {
		t.Errorf("%d connections and %d requests, want 1 and 2", conns, requests)
	}
}

func TestRefusedConnection(t *testing.T) {
	l := listen(t)
	l.Close()
	c := newClient(t, Options{URL: "http://" + l.Addr().String()})
	if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != NotSent {
		t.Errorf("error %v, want %v", err, NotSent)
	}
}
