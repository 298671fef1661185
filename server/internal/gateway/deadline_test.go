package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlines(t *testing.T) {
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	deaf := func(net.Conn) {} // reads nothing, so that no byte is written
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
		callers time.Duration // the caller's timeout; 0 means none
		serve   func(net.Conn)
		kind    Kind
		took    time.Duration
	}{
		{"the client's", 0, silent, TimedOut, 5 * time.Second},
		{"the client's, before the caller's", time.Minute, silent, TimedOut, 5 * time.Second},
		{"the caller's, a little early", 2 * time.Second, silent, TimedOut, 2*time.Second - maxMargin},
		{"a short one of the caller, less early", 100 * time.Millisecond, silent, TimedOut, 90 * time.Millisecond},
		{"the gateway reads nothing", 0, deaf, NotSent, 5 * time.Second},
		{"a byte a second", 0, slow, TimedOut, 5 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Options{URL: "http://gateway.test", Dial: pipes(t, test.serve)})
				ctx := t.Context()
				if test.callers != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.callers)
					defer cancel()
				}
				start := time.Now()
				_, err := c.Send(ctx, hold).Reply()
				if kind(t, err) != test.kind || time.Since(start) != test.took {
					t.Errorf("error %v after %v, want %v after %v", err, time.Since(start), test.kind, test.took)
				}
			})
		})
	}
}

// The gateway may have executed a request of which it got a part: only NotSent excludes it.
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
				c := newClient(t, Options{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
					io.ReadFull(c, make([]byte, read))
					if !stalls {
						c.Close()
					}
				})})
				if _, err := c.Send(t.Context(), hold).Reply(); kind(t, err) != want {
					t.Errorf("%d bytes read, then stalled %v: error %v, want %v", read, stalls, err, want)
				}
			})
		}
	}
}

// A gateway that accepts no connection uses up the time of the call, and nothing was sent.
func TestDeadlineWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Options{URL: "https://gateway.test", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		start := time.Now()
		_, err := c.Send(t.Context(), hold).Reply()
		if kind(t, err) != NotSent || time.Since(start) != 5*time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}

// A call ends when its caller cancels it, from its first moment on, and closes its
// connection.
func TestCancelledCall(t *testing.T) {
	for _, after := range []time.Duration{time.Nanosecond, time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			closed := make(chan struct{})
			c := newClient(t, Options{URL: "http://gateway.test", Dial: pipes(t, func(c net.Conn) {
				io.Copy(io.Discard, c)
				close(closed)
			})})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			start := time.Now()
			_, err := c.Send(ctx, hold).Reply()
			if kind(t, err) == NotSent || !errors.Is(err, context.Canceled) || time.Since(start) != after {
				t.Errorf("error %v after %v, want one after %v", err, time.Since(start), after)
			}
			<-closed
			if _, err := c.Send(ctx, hold).Reply(); kind(t, err) != NotSent || !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v by the caller", err, NotSent)
			}
		})
	}
}

// A call that is cancelled before any byte is written is NotSent, and so is one that is
// cancelled while it dials.
func TestCancelledBeforeWrite(t *testing.T) {
	for name, dial := range map[string]func(t *testing.T) func(context.Context, string, string) (net.Conn, error){
		"while it dials": func(*testing.T) func(context.Context, string, string) (net.Conn, error) {
			return func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		},
		"while it writes": func(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
			return pipes(t, func(net.Conn) {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Options{URL: "http://gateway.test", Dial: dial(t)})
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Millisecond, cancel)
				start := time.Now()
				_, err := c.Send(ctx, hold).Reply()
				if kind(t, err) != NotSent || !errors.Is(err, context.Canceled) || time.Since(start) != time.Millisecond {
					t.Errorf("error %v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// A caller that cancels while its reply arrives gets the reply. The interrupt of the
// connection may still be under way, so the connection is not reused.
func TestCancelledByReply(t *testing.T) {
	s := newServer(t, listen(t), replying(ok))
	var cancel context.CancelFunc
	c := newClient(t, Options{URL: "http://gateway.test", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr().String())
		return &hookedConn{nc, func() { cancel() }}, err
	}})
	for range 2 {
		ctx, cancelCall := context.WithCancel(t.Context())
		defer cancelCall()
		cancel = cancelCall
		if _, err := c.Send(ctx, hold).Reply(); err != nil {
			t.Fatal(err)
		}
	}
	if conns, _ := s.counts(); conns != 2 {
		t.Errorf("%d connections for two calls, want 2", conns)
	}
}

// hookedConn calls afterRead after each read.
type hookedConn struct {
	net.Conn
	afterRead func()
}

func (h *hookedConn) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.afterRead()
	return n, err
}
