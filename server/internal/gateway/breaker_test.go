package gateway

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// dialing is a network on which connections are refused, time out, or are opened.
type dialing struct {
	err      error // of the attempts; a time-out takes its time
	attempts int
}

func (d *dialing) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d.attempts++
	if d.err == nil {
		client, gateway := net.Pipe()
		go func() {
			gateway.Read(make([]byte, 1000))
			gateway.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"retcode\":\"0\"}"))
			gateway.Close()
		}()
		return client, nil
	}
	if errors.Is(d.err, os.ErrDeadlineExceeded) {
		<-ctx.Done()
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
	}
	return nil, d.err
}

func call(ctx context.Context, c *Client) error {
	_, err := c.Call(ctx, Request{Method: "POST", Path: "p", GUID: "g"})
	return err
}

// After so many failures in a row nothing is tried for a while; then one attempt finds
// out for all, and calls go on.
func TestBreaker(t *testing.T) {
	for name, failure := range map[string]error{
		"refused": errors.New("connection refused"), "not answered": os.ErrDeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &dialing{err: failure}
				c := newClient(t, Config{URL: "http://gateway.test", Dial: d.dial, Breaker: Breaker{Failures: 3, Open: 2 * time.Second}})
				expect := func(what string, open bool, attempts int) {
					t.Helper()
					err := call(t.Context(), c)
					_, isOpen := errors.AsType[CircuitOpen](err)
					e, _ := errors.AsType[*Error](err)
					if e == nil || e.Kind != NotSent || isOpen != open || d.attempts != attempts {
						t.Fatalf("%s: %v after %d attempts", what, err, d.attempts)
					}
				}
				expect("the first", false, 1)
				d.err = nil
				if err := call(t.Context(), c); err != nil { // so it begins to count again
					t.Fatal(err)
				}
				d.err = failure
				for n := range 3 {
					expect("before it opens", false, 3+n)
				}
				expect("open", true, 5)
				time.Sleep(2 * time.Second)
				expect("open", true, 5)
				time.Sleep(time.Nanosecond)
				expect("the one attempt", false, 6)
				expect("open again", true, 6)
				time.Sleep(2*time.Second + 1)
				d.err = nil
				for range 2 {
					if err := call(t.Context(), c); err != nil {
						t.Errorf("closed again: %v", err)
					}
				}
			})
		})
	}
}

// A caller who gives up, or leaves no time, says nothing of the gateway.
func TestBreakerBlamesNoHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dialing{err: os.ErrDeadlineExceeded}
		c := newClient(t, Config{URL: "http://gateway.test", Dial: d.dial, Breaker: Breaker{Failures: 1, Open: time.Second}})
		for n := range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if n%2 == 1 {
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(time.Millisecond, cancel)
			}
			err := call(ctx, c)
			cancel()
			if _, open := errors.AsType[CircuitOpen](err); open || err == nil {
				t.Fatalf("call %d: %v", n, err)
			}
		}
		call(t.Context(), c)
		if _, open := errors.AsType[CircuitOpen](call(t.Context(), c)); !open {
			t.Error("not open after an attempt that had time")
		}
	})
}
