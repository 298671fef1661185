package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A single byte that the server has read counts as written.
func TestSendReportsWrittenBytes(t *testing.T) {
	for _, read := range []int{0, 1, 100} {
		for _, stalls := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, pipe(t, func(c net.Conn) {
					io.ReadFull(c, make([]byte, read))
					if !stalls {
						c.Close()
					}
				}), nil)
				got := exchange(t.Context(), c)
				if got.written != (read > 0) || got.err == nil || errors.Is(got.err, os.ErrDeadlineExceeded) != stalls {
					t.Errorf("%d bytes read, stalls %v: written %v, error %v", read, stalls, got.written, got.err)
				}
			})
		}
	}
}

// An exchange ends at its deadline, whatever the server does.
func TestDeadline(t *testing.T) {
	for name, test := range map[string]struct {
		serve   func(net.Conn)
		written bool
	}{
		"the server reads nothing":            {func(net.Conn) {}, false},
		"the server sends nothing":            {func(c net.Conn) { io.Copy(io.Discard, c) }, true},
		"the server sends a byte every 5 s":   {sendBytewise, true},
		"the server reads a byte every 5 s":   {readBytewise, true},
		"the server sends no end of the body": {replying("HTTP/1.1 200 OK\r\n\r\n"), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, pipe(t, test.serve), nil)
				start := time.Now()
				got := exchange(t.Context(), c)
				took := time.Since(start)
				if !errors.Is(got.err, os.ErrDeadlineExceeded) || got.written != test.written || got.reusable || took != timeout {
					t.Errorf("%+v after %v", got, took)
				}
				c.Close()
			})
		})
	}
}

func sendBytewise(c net.Conn) {
	readRequest(c)
	for _, b := range []byte(ok) {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(5 * time.Second)
	}
}

func readBytewise(c net.Conn) {
	for b := make([]byte, 1); ; time.Sleep(5 * time.Second) {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// An exchange ends when its context is cancelled, from its first moment on. Nothing is
// written if that happens before the server reads.
func TestCancellation(t *testing.T) {
	reading := func(c net.Conn) { io.Copy(io.Discard, c) }
	for name, test := range map[string]struct {
		after   time.Duration
		serve   func(net.Conn)
		written bool
	}{
		"before the call":  {0, func(net.Conn) {}, false},
		"during the write": {time.Millisecond, func(net.Conn) {}, false},
		"soon":             {time.Nanosecond, reading, true},
		"late":             {timeout - 1, reading, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.after == 0 {
					cancel()
				}
				time.AfterFunc(test.after, cancel)
				c := open(t, pipe(t, test.serve), nil)
				start := time.Now()
				got := exchange(ctx, c)
				took := time.Since(start)
				if got.err == nil || got.written != test.written || got.reusable || took != test.after {
					t.Errorf("%+v after %v, want an error after %v", got, took, test.after)
				}
				c.Close()
			})
		})
	}
}

// A context that is cancelled while the reply arrives does not spoil the reply. The
// connection is not reusable, because the interrupt may still be under way.
func TestCancellationByReply(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := open(t, &hookedConn{dialLoopback(t, replying(ok)), cancel}, nil)
	if got := exchange(ctx, c); got.err != nil || string(got.Body) != success || got.reusable {
		t.Errorf("%+v", got)
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

// Cancellation ends its own exchange or none, even if it coincides with the reply. It never
// ends the next exchange on the connection.
func TestCancellationSparesNextCall(t *testing.T) {
	const replyTime = time.Second
	slow := func(c net.Conn) {
		for readRequest(c) == nil {
			time.Sleep(replyTime)
			io.WriteString(c, ok)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := open(t, pipe(t, slow), nil)
		for round := range 2000 {
			ctx, cancel := context.WithCancel(t.Context())
			at := replyTime
			if round%2 == 0 {
				at = replyTime * 3 / 2 // in the middle of the next exchange
			}
			time.AfterFunc(at, cancel)
			if got := exchange(ctx, c); !got.reusable {
				c.Close()
				c = open(t, pipe(t, slow), nil)
			}
			if got := exchange(t.Context(), c); got.err != nil || !got.reusable {
				t.Fatalf("the exchange after a cancelled one: %+v", got)
			}
			cancel()
		}
	})
}

// Close ends the watch of the context, so that the context does not retain the connection.
func TestCloseStopsWatching(t *testing.T) {
	c := open(t, pipe(t, func(net.Conn) {}), nil)
	interrupted := false
	c.interrupt = func() { interrupted = true }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c.Begin(ctx, time.Now().Add(timeout))
		c.Close()
		cancel()
		synctest.Wait()
	})
	if interrupted {
		t.Error("the closed connection was interrupted")
	}
}

// A server that pauses after every 100 bytes gets the whole request, with and without TLS.
func TestSlowReader(t *testing.T) {
	cert, config := certificate(t)
	for name, config := range map[string]*tls.Config{"http": nil, "https": config} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				read := make(chan string, 1)
				c := open(t, pipe(t, func(c net.Conn) {
					slow := &slowConn{Conn: c}
					stream := net.Conn(slow)
					if config != nil {
						secured := tls.Server(slow, &tls.Config{Certificates: []tls.Certificate{cert}})
						secured.Handshake()
						stream = secured
					}
					slow.pause = time.Second
					req, err := http.ReadRequest(bufio.NewReader(stream))
					if err != nil {
						return
					}
					body, _ := io.ReadAll(req.Body)
					read <- string(body)
					io.WriteString(stream, ok)
				}), config)
				if got := exchange(t.Context(), c); got.err != nil {
					t.Fatal(got.err)
				}
				if got := <-read; got != "{}" {
					t.Errorf("the server read %s, want {}", got)
				}
			})
		})
	}
}

// slowConn reads at most 100 bytes at once and pauses after each read.
type slowConn struct {
	net.Conn
	pause time.Duration
}

func (s *slowConn) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p[:min(len(p), 100)])
	time.Sleep(s.pause)
	return n, err
}

// The charset of a reply is that of its Content-Type.
func TestCharset(t *testing.T) {
	for contentType, want := range map[string]string{
		"application/json":                            "",
		"application/json;charset=UTF-8":              "",
		`application/json; charset="utf-8"`:           "",
		"application/json; charset=GBK":               "gbk",
		`text/html; x=y; Charset="GB18030"; charset2`: "gb18030",
		"charset": "",
	} {
		raw := "HTTP/1.1 200 OK\r\ncontent-type: " + contentType + "\r\nContent-Length: 2\r\n\r\n{}"
		c := open(t, pipe(t, replying(raw)), nil)
		if got := exchange(t.Context(), c); got.err != nil || got.Charset != want {
			t.Errorf("%s: %q, %v, want %q", contentType, got.Charset, got.err, want)
		}
	}
}

// The error of a reply that is no HTTP says so if it is TLS or HTML.
func TestOtherProtocols(t *testing.T) {
	for raw, want := range map[string]error{
		"\x15\x03\x01\x00\x02\x02\x46":       errTLS, // an alert, as from a server that has got a plain request
		"\x16\x03\x03\x00\x7a\x02\x00\x00\n": errTLS,
		"<html>":                             errHTML,
		"<!DOCTYPE html>\r\n":                errHTML,
		"SSH-2.0-OpenSSH_9.2\r\n":            errNotHTTP,
		"\x15":                               errTruncated,
	} {
		c := open(t, serveParts(t, []byte(raw)), nil)
		if got := exchange(t.Context(), c); !got.written || !errors.Is(got.err, want) {
			t.Errorf("%q: %+v, want %v", raw, got, want)
		}
	}
}
