package http1

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A call that awaits its response has the result of one that does not, with and without TLS.
func TestAwaitChangesNoResult(t *testing.T) {
	cert, config := certificate(t)
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	for name, test := range map[string]struct {
		cancelAfter time.Duration
		serve       func(net.Conn)
	}{
		"a response":                {2 * timeout, replying(ok)},
		"two responses":             {2 * timeout, replying(ok + ok)},
		"a response byte by byte":   {2 * timeout, sendBytewise},
		"no response":               {2 * timeout, silent},
		"no response, cancelled":    {time.Second, silent},
		"the end of the connection": {2 * timeout, func(c net.Conn) { readRequest(c); c.Close() }},
		"a byte, and then the end":  {2 * timeout, func(c net.Conn) { readRequest(c); io.WriteString(c, "H"); c.Close() }},
	} {
		for protocol, config := range map[string]*tls.Config{"http": nil, "https": config} {
			serve := test.serve
			if config != nil {
				serve = overTLS(cert, tls.VersionTLS13, test.serve)
			}
			t.Run(name+"/"+protocol, func(t *testing.T) {
				var results [2]string
				for i, await := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						c := open(t, pipe(t, serve), config)
						defer c.Close()
						ctx, cancel := context.WithTimeout(t.Context(), test.cancelAfter)
						defer cancel()
						start := time.Now()
						got := exchangeAwaiting(ctx, c, await)
						results[i] = fmt.Sprint(got.Response, got.written, got.reusable, got.err, time.Since(start))
					})
				}
				if results[0] != results[1] {
					t.Errorf("got %s, want %s", results[1], results[0])
				}
			})
		}
	}
}

// Await returns when the first byte of the response is there, and not before.
func TestAwaitReturnsWithResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, pipe(t, func(c net.Conn) {
			readRequest(c)
			time.Sleep(time.Second)
			io.WriteString(c, ok[:1])
			time.Sleep(time.Second)
			io.WriteString(c, ok[1:])
		}), nil)
		c.Begin(t.Context(), time.Now().Add(timeout))
		if _, err := c.Send(request); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		c.Await()
		if took := time.Since(start); took != time.Second {
			t.Errorf("returned after %v", took)
		}
		if got, err := c.Receive(wantedField); err != nil || string(got.Body) != success {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A connection has a buffer in Receive only, if its call awaits the response.
func TestAwaitHasNoBuffer(t *testing.T) {
	var c *Conn
	readsWithout := 0
	c = open(t, &hookedConn{dialLoopback(t, replying(ok)), func() {
		if c.reader == nil {
			readsWithout++
		}
	}}, nil)
	for i, await := range []bool{false, true, false} {
		if got := exchangeAwaiting(t.Context(), c, await); got.err != nil {
			t.Fatal(got.err)
		}
		if want := min(i, 1); readsWithout != want {
			t.Errorf("%d reads without a buffer after call %d, want %d", readsWithout, i, want)
		}
	}
}
