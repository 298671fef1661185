package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Idle connections are closed after idleTimeout, but for those that calls keep in use.
func TestIdleConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled, open := 0, 0
		var mu sync.Mutex // guards both
		c := newClient(t, Options{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
			mu.Lock()
			dialled++
			open++
			mu.Unlock()
			r := bufio.NewReader(c)
			for {
				req, err := http.ReadRequest(r)
				if err != nil {
					break
				}
				io.Copy(io.Discard, req.Body)
				time.Sleep(time.Second) // so that calls overlap
				io.WriteString(c, ok)
			}
			mu.Lock()
			open--
			mu.Unlock()
		})})
		call := func() {
			t.Helper()
			if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
				t.Error(err)
			}
		}
		expect := func(wantDialled, wantOpen int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if dialled != wantDialled || open != wantOpen {
				t.Errorf("%d dialled, %d open, want %d and %d", dialled, open, wantDialled, wantOpen)
			}
		}
		var three sync.WaitGroup
		for range 3 {
			three.Go(call)
		}
		three.Wait()
		expect(3, 3)
		time.Sleep(10 * time.Second)
		call()
		expect(3, 3)
		time.Sleep(10 * time.Second) // only the one used last is left
		expect(3, 1)
		time.Sleep(10 * time.Second)
		expect(3, 0)
		call()
		expect(4, 1)
	})
}

// Close ends no call in flight. The connection of such a call is closed after it.
func TestCloseWithCallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		received, closed := make(chan struct{}), make(chan struct{})
		c := newClient(t, Options{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
			http.ReadRequest(bufio.NewReader(c))
			close(received)
			time.Sleep(time.Second)
			io.WriteString(c, ok)
			io.Copy(io.Discard, c)
			close(closed)
		})})
		go func() {
			<-received
			c.Close()
		}()
		start := time.Now()
		if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
			t.Error(err)
		}
		<-closed
		if took := time.Since(start); took != time.Second {
			t.Errorf("the connection was kept until %v", took)
		}
	})
}

// passed is a context whose deadline has passed, and whose timer has not noticed yet.
type passed struct{ context.Context }

func (passed) Deadline() (time.Time, bool) { return time.Unix(1, 0), true }

// Calls whose deadline has passed leave the idle connections to other calls.
func TestPassedDeadlineKeepsConnections(t *testing.T) {
	both := make(chan struct{})
	var first sync.WaitGroup
	first.Add(2)
	s := newServer(t, listen(t), func(s *session) {
		for s.next() {
			first.Done()
			<-both // so that the first two calls need two connections
			io.WriteString(s, ok)
		}
	})
	c := newClient(t, Options{URL: s.url()})
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			if _, err := c.Send(t.Context(), hold).Reply(); err != nil {
				t.Error(err)
			}
		})
	}
	first.Wait()
	close(both)
	calls.Wait()
	for range 3 {
		if _, err := c.Send(passed{t.Context()}, hold).Reply(); kind(t, err) != NotSent {
			t.Errorf("error %v, want %v", err, NotSent)
		}
	}
	if got := len(c.endpointFor("").idle.idle); got != 2 {
		t.Errorf("%d idle connections, want 2", got)
	}
}
