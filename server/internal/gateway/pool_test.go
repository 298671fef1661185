package gateway

import (
	"bufio"
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
			if _, err := c.Call(t.Context(), hold); err != nil {
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
		if _, err := c.Call(t.Context(), hold); err != nil {
			t.Error(err)
		}
		<-closed
		if took := time.Since(start); took != time.Second {
			t.Errorf("the connection was kept until %v", took)
		}
	})
}
