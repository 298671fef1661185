package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentconf/internal/leaktest"
)

// pipes is a gateway in memory: every dial runs serve on the other end.
func pipes(t *testing.T, serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	leaktest.Check(t)
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		done.Go(func() { serve(far) })
		return near, nil
	}
}

func TestDeadlines(t *testing.T) {
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	deaf := func(net.Conn) {} // reads nothing, so that not a byte is written
	slow := func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		for _, b := range []byte(ok) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	tests := []struct {
		name    string
		callers time.Duration // 0: none
		serve   func(net.Conn)
		kind    Kind
		took    time.Duration
	}{
		{"ours", 0, silent, TimedOut, 5 * time.Second},
		{"ours, before the caller's", time.Minute, silent, TimedOut, 5 * time.Second},
		{"the caller's, a little early", 2 * time.Second, silent, TimedOut, 2*time.Second - maxShave},
		{"a short one, less early", 100 * time.Millisecond, silent, TimedOut, 90 * time.Millisecond},
		{"nobody reads", 0, deaf, NotSent, 5 * time.Second},
		{"a byte a second", 0, slow, TimedOut, 5 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Config{URL: "http://gateway.test", Dial: pipes(t, test.serve)})
				ctx := t.Context()
				if test.callers != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.callers)
					defer cancel()
				}
				start := time.Now()
				_, err := c.Call(ctx, hold)
				if kind(t, err) != test.kind || time.Since(start) != test.took {
					t.Errorf("error %v after %v, want %v after %v", err, time.Since(start), test.kind, test.took)
				}
			})
		})
	}
}

// Of a request of which a byte was written nobody knows what became of it, however few
// they were.
func TestPartlyWritten(t *testing.T) {
	for _, read := range []int{0, 1, 100} {
		for _, stalls := range []bool{false, true} {
			want := Broken
			switch {
			case read == 0:
				want = NotSent
			case stalls:
				want = TimedOut
			}
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Config{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
					io.ReadFull(c, make([]byte, read))
					if !stalls {
						c.Close()
					}
				})})
				if _, err := c.Call(t.Context(), hold); kind(t, err) != want {
					t.Errorf("%d bytes read, then stalled %v: error %v, want %v", read, stalls, err, want)
				}
			})
		}
	}
}

// A gateway that takes no connection costs the whole time, and nothing was sent.
func TestDeadlineWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "https://gateway.test", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		start := time.Now()
		_, err := c.Call(t.Context(), hold)
		if kind(t, err) != NotSent || time.Since(start) != 5*time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}

// A caller who gives up is noticed at once, but not while a call is not watched yet;
// the connection is closed in either case.
func TestCancelled(t *testing.T) {
	for givesUp, noticed := range map[time.Duration]time.Duration{
		time.Millisecond: unwatched,
		time.Second:      time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			hungUp := make(chan struct{})
			c := newClient(t, Config{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
				io.Copy(io.Discard, c)
				close(hungUp)
			})})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(givesUp, cancel)
			start := time.Now()
			_, err := c.Call(ctx, hold)
			if kind(t, err) == NotSent || !errors.Is(err, context.Canceled) || time.Since(start) != noticed {
				t.Errorf("error %v after %v, want one after %v", err, time.Since(start), noticed)
			}
			<-hungUp
			if _, err := c.Call(ctx, hold); kind(t, err) != NotSent || !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v by the caller", err, NotSent)
			}
		})
	}
}

// A caller that gives up as its answer comes in gets the answer. Its clean-up may
// still be reaching for the connection, which is not used again.
func TestCancelledByTheAnswer(t *testing.T) {
	s := newServer(t, listen(t), answering(ok))
	var cancel context.CancelFunc
	c := newClient(t, Config{URL: "http://gateway.test", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr().String())
		return &hookedConn{nc, func() { cancel() }}, err
	}})
	for range 2 {
		ctx, giveUp := context.WithCancel(t.Context())
		defer giveUp()
		cancel = giveUp
		if _, err := c.Call(ctx, hold); err != nil {
			t.Fatal(err)
		}
	}
	if conns, _ := s.counts(); conns != 2 {
		t.Errorf("%d connections for two calls, want 2", conns)
	}
}

// hookedConn calls afterRead when a read has brought something.
type hookedConn struct {
	net.Conn
	afterRead func()
}

func (h *hookedConn) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.afterRead()
	return n, err
}

func TestIdleConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled, open := 0, 0
		var mu sync.Mutex
		c := newClient(t, Config{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
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
		time.Sleep(10 * time.Second) // the one used last is the only one left
		expect(3, 1)
		time.Sleep(10 * time.Second)
		expect(3, 0)
		call()
		expect(4, 1)
	})
}

// A connection that comes back after Close is not kept.
func TestCloseWithCallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, hungUp := make(chan struct{}), make(chan struct{})
		c := newClient(t, Config{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
			http.ReadRequest(bufio.NewReader(c))
			close(asked)
			time.Sleep(time.Second)
			io.WriteString(c, ok)
			io.Copy(io.Discard, c)
			close(hungUp)
		})})
		go func() {
			<-asked
			c.Close()
		}()
		start := time.Now()
		if _, err := c.Call(t.Context(), hold); err != nil {
			t.Error(err)
		}
		<-hungUp
		if took := time.Since(start); took != time.Second {
			t.Errorf("the connection was kept until %v", took)
		}
	})
}
