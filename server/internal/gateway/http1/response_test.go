package http1

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// Receive rejects a malformed reply, and End reports whether the connection can carry
// another call after it.
func TestReceive(t *testing.T) {
	framed := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(success), success)
	chunked := fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n", len(success), success)
	tests := []struct {
		name, raw       string
		valid, reusable bool
	}{
		{"plain", ok, true, true},
		{"chunked", chunked + "\r\n", true, true},
		{"chunked with a trailer", chunked + "X: y\r\n\r\n", true, true},
		{"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\n" + framed, true, false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n" + framed, true, false},
		{"close in a list", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\n" + framed, true, false},
		{"HTTP/1.0 with keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + framed, true, true},
		{"after interim responses", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, true, true},
		{"interim responses only", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), false, false},
		{"bytes behind it", ok + ok, true, false},
		{"an upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false, false},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", true, true},
		{"no content, with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", true, false},
		{"no content, chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", true, false},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false, false},
		{"HTTP/2", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n", false, false},
		{"a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + success, false, false},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + framed, false, false},
		{"a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, false},
		{"headers without end", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxReply/6), false, false},
		{"one long header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxReply), false, false},
		{"a body over the limit", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", maxReply, strings.Repeat(" ", maxReply)), false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, pipe(t, replying(test.raw)), nil)
			got := exchange(t.Context(), c)
			if (got.err == nil) != test.valid || !got.written || got.reusable != test.reusable {
				t.Fatalf("%+v", got)
			}
			if test.reusable && (!isQuiet(t, c) || exchange(t.Context(), c).err != nil) {
				t.Error("the second call failed")
			}
		})
	}
}

// A usual reply takes one read, also with the headers that a proxy adds.
func TestUsualReplyTakesOneRead(t *testing.T) {
	reply := "HTTP/1.1 200 \r\nSet-GUID: JSESSIONID=279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0\r\n" +
		"Set-Cookie: route=1732440000.123.45.678901|0123456789abcdef0123456789abcdef; Path=/; Secure; HttpOnly\r\n" +
		"Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nX-Frame-Options: SAMEORIGIN\r\n" +
		"X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'self'\r\n" +
		"Content-Type: application/json;charset=UTF-8\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n" + ok[len("HTTP/1.1 200 OK\r\n"):]
	counted := &countingConn{Conn: pipe(t, replying(reply))}
	if got := exchange(t.Context(), open(t, counted, nil)); got.err != nil || counted.reads != 1 {
		t.Errorf("%+v after %d reads, want one", got, counted.reads)
	}
}

type countingConn struct {
	net.Conn
	reads int
}

func (c *countingConn) Read(p []byte) (int, error) {
	c.reads++
	return c.Conn.Read(p)
}

// A reply that the server cuts off has its own error. The connection is not reusable, even
// after a complete reply.
func TestTruncatedReply(t *testing.T) {
	for _, raw := range []string{"", ok[:10], ok[:len(ok)-1]} {
		c := open(t, pipe(t, func(c net.Conn) {
			defer c.Close()
			for _, reply := range []string{ok, raw} {
				readRequest(c)
				io.WriteString(c, reply)
			}
		}), nil)
		if got := exchange(t.Context(), c); got.err != nil || !got.reusable {
			t.Fatalf("%+v", got)
		}
		if got := exchange(t.Context(), c); !errors.Is(got.err, errTruncated) || got.reusable {
			t.Errorf("%q: %+v", raw, got)
		}
	}
}

// The cookies of a response are kept up to a limit. One that exceeds it is left out alone.
func TestSetCookie(t *testing.T) {
	long := strings.Repeat("c", maxCookies-3)
	raw := "HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nset-cookie:  " + long + "x \r\nSET-COOKIE: " + long + "\r\nSet-Cookie: b\r\n\r\n"
	got := exchange(t.Context(), open(t, pipe(t, replying(raw)), nil))
	if want := []string{"a=1", long}; got.err != nil || !slices.Equal(got.SetCookie, want) {
		t.Errorf("got %d cookies and %v, want a=1 and the one that fits", len(got.SetCookie), got.err)
	}
}
