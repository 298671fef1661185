package gateway

import (
	"context"
	"net"
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
