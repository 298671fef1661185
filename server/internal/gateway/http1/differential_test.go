package http1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// serveParts returns a connection to a server that reads a request, writes the parts of a
// reply, and closes.
func serveParts(t *testing.T, parts ...[]byte) net.Conn {
	return pipe(t, func(c net.Conn) {
		defer c.Close()
		if readRequest(c) != nil {
			return
		}
		for _, part := range parts {
			if _, err := c.Write(part); err != nil {
				return
			}
		}
	})
}

func readByConn(t *testing.T, parts ...[]byte) outcome {
	return exchange(t.Context(), open(t, serveParts(t, parts...), nil))
}

func readByNetHTTP(t *testing.T, parts ...[]byte) outcome {
	transport := &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return serveParts(t, parts...), nil },
		DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://server.test/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true // else net/http logs the bytes behind the reply
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return outcome{
		Response{Status: resp.StatusCode, Header: resp.Header.Get(wantedField), Body: body}, true, !resp.Close, err,
	}
}

// compare reports differences between two responses, and a connection that only ours
// keeps. It allows one of the two to fail.
func compare(t *testing.T, ours, theirs outcome) {
	t.Helper()
	if ours.err == nil && theirs.err == nil {
		if ours.Status != theirs.Status || ours.Header != theirs.Header || !bytes.Equal(ours.Body, theirs.Body) {
			t.Errorf("%+v, want net/http's %+v", ours, theirs)
		}
		if ours.reusable && !theirs.reusable {
			t.Error("the connection is reusable, unlike net/http's")
		}
	}
	if !ours.written || errors.Is(ours.err, os.ErrDeadlineExceeded) {
		t.Errorf("written %v, error %v", ours.written, ours.err)
	}
}

var differential = []struct {
	name, raw string
	stricter  string // the reason why Receive rejects what net/http accepts
	laxer     string // the reason why Receive accepts what net/http rejects
}{
	{name: "plain", raw: ok},
	{name: "an empty body", raw: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "no reason", raw: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "an empty reason", raw: "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}"},
	{name: "another status", raw: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "names in lower case", raw: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-guid: JSESSIONID=g\r\n\r\n{}"},
	{name: "names in upper case", raw: "HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 2\r\nSET-GUID: JSESSIONID=g\r\n\r\n{}"},
	{name: "space around values", raw: "HTTP/1.1 200 OK\r\nContent-Length:\t 2 \t\r\nSet-GUID:JSESSIONID=g \r\n\r\n{}"},
	{name: "two values of the wanted field", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-GUID: \r\nSet-GUID: JSESSIONID=g\r\n\r\n{}"},
	{name: "a reply of Tomcat", raw: "HTTP/1.1 200 \r\nSet-GUID: JSESSIONID=a.AgentGateway0\r\nContent-Type: application/json;charset=UTF-8\r\n" +
		"Transfer-Encoding: chunked\r\nDate: Tue, 24 Nov 2026 17:00:00 GMT\r\nKeep-Alive: timeout=20\r\nConnection: keep-alive\r\n\r\n2f\r\n" + success + "\r\n0\r\n\r\n"},
	{name: "to be closed", raw: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "to be closed, in a list", raw: "HTTP/1.1 200 OK\r\nConnection: x , CLOSE\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "to be closed, among others", raw: "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "until close", raw: "HTTP/1.1 200 OK\r\n\r\n{}"},
	{name: "until close, empty", raw: "HTTP/1.1 200 OK\r\n\r\n"},
	{name: "HTTP/1.0 until close", raw: "HTTP/1.0 200 OK\r\n\r\n{}"},
	{name: "HTTP/1.0", raw: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "HTTP/1.0 kept", raw: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "no content", raw: "HTTP/1.1 204 No Content\r\n\r\n"},
	{name: "no content, with a length", raw: "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "no content, chunked", raw: "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{name: "not modified", raw: "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"},
	{name: "chunked", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"},
	{name: "chunked, in capitals", raw: "HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	{name: "chunked, empty", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{name: "chunk extensions", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0002;a=\"b\" ;c\r\n{}\r\n000;last\r\n\r\n"},
	{name: "trailers", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\nSet-GUID: JSESSIONID=g\r\n\r\n"},
	{name: "100", raw: "HTTP/1.1 100 Continue\r\n\r\n" + ok},
	{name: "100 with headers", raw: "HTTP/1.1 100 Continue\r\nSet-GUID: JSESSIONID=x\r\nConnection: close\r\n\r\n" + ok},
	{name: "100, 102 and 103", raw: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok},
	{name: "with bytes behind it", raw: ok + ok},
	{name: "the same length twice", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a line as long as the buffer", raw: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", bufferSize-5) + "\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a line longer than the buffer", raw: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", bufferSize-4) + "\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a line of almost 64 KiB", raw: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxHead-100) + "\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a long wanted value", raw: "HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=" + strings.Repeat("y", bufferSize) + "\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a folded line", raw: "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\t \r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a folded line of interest", raw: "HTTP/1.1 200 OK\r\nSet-GUID:\r\n\t JSESSIONID=g; \r\n \t Path=/ \r\nContent-Length:\r\n 2\r\n\r\n{}"},
	{name: "a folded length of two numbers", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n 3\r\n\r\n{}"},
	{name: "a folded trailer", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n"},
	{name: "trailers of 4 KiB", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + strings.Repeat("X: y\r\n", maxTrailers/6) + "\r\n"},
	{name: "a large body", raw: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 1<<16, strings.Repeat("x", 1<<16))},
	{name: "large chunks", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("2000\r\n"+strings.Repeat("x", 1<<13)+"\r\n", 8) + "0\r\n\r\n"},
	{name: "bytes beyond ASCII", raw: "HTTP/1.1 200 \xc3\xa9\r\nX: \xe9\r\nContent-Length: 2\r\n\r\n{}"},

	{name: "nothing", raw: ""},
	{name: "no HTTP", raw: "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
	{name: "an empty line first", raw: "\r\n" + ok},
	{name: "half a status line", raw: "HTTP/1.1 2"},
	{name: "half a head", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"},
	{name: "half a body", raw: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}"},
	{name: "half a chunk", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}"},
	{name: "no last chunk", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"},
	{name: "no end of trailers", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"},
	{name: "a status of two digits", raw: "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a status with a sign", raw: "HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a length that is no number", raw: "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"},
	{name: "an empty length", raw: "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n{}"},
	{name: "a length with a sign", raw: "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}"},
	{name: "a negative length", raw: "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"},
	{name: "a hexadecimal length", raw: "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}"},
	{name: "a length beyond 63 bits", raw: "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n{}"},
	{name: "a length beyond all memory", raw: "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{}"},
	{name: "a list of lengths", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}"},
	{name: "two lengths", raw: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "another coding", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}"},
	{name: "two codings", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	{name: "chunked twice", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	{name: "chunked in other letters", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chun\u212aed\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	{name: "a size that is no number", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
	{name: "a size beyond 64 bits", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n"},
	{name: "a size with LF alone", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n"},
	{name: "a chunk longer than its size", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"},
	{name: "trailers over 4 KiB", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + strings.Repeat("X: y\r\n", maxTrailers/6+1) + "\r\n"},
	{name: "no colon", raw: "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "no name", raw: "HTTP/1.1 200 OK\r\n: y\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "a tab before the colon", raw: "HTTP/1.1 200 OK\r\nContent-Length\t: 2\r\n\r\n{}"},
	{name: "a first line that is folded", raw: "HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "NUL in a value", raw: "HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "NUL in a name", raw: "HTTP/1.1 200 OK\r\nX\x00: y\r\nContent-Length: 2\r\n\r\n{}"},
	{name: "CR in a value", raw: "HTTP/1.1 200 OK\r\nX: y\rContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"},

	{name: "space before the colon", raw: "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}",
		stricter: "RFC 9112, 5.1 forbids it, and readers differ over whose name it is"},
	{name: "LF alone", raw: "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
		stricter: "RFC 9112, 2.2 forbids senders to do so, and readers differ over it"},
	{name: "LF alone before the body", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\n{}",
		stricter: "as above"},
	{name: "CR in the reason", raw: "HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\n{}",
		stricter: "as above"},
	{name: "a control character in the reason", raw: "HTTP/1.1 200 \x01\r\nContent-Length: 2\r\n\r\n{}",
		stricter: "RFC 9112, 4 does not allow it"},
	{name: "length and chunks", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		stricter: "RFC 9112, 6.3 calls it a sign of smuggling"},
	{name: "chunks in HTTP/1.0", raw: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		stricter: "RFC 9112, 6.1 calls its length faulty"},
	{name: "HTTP/1.2", raw: "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		stricter: "there is no such version"},
	{name: "HTTP/2", raw: "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		stricter: "HTTP/2 has no status line"},
	{name: "two spaces before the status", raw: "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\n{}",
		stricter: "RFC 9112, 4 has one"},
	{name: "a status below 100", raw: "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\n{}",
		stricter: "there is no such status"},
	{name: "an upgrade", raw: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		stricter: "the client requests none"},
	{name: "many interim responses", raw: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim+1) + ok,
		stricter: "more than 5 serve no purpose"},
	{name: "a line over 64 KiB", raw: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxHead) + "\r\nContent-Length: 2\r\n\r\n{}",
		stricter: "no reply needs it"},
	{name: "a head over 64 KiB", raw: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxHead/6) + "Content-Length: 2\r\n\r\n{}",
		stricter: "no reply needs it"},
	{name: "a body over 1 MiB", raw: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", maxReply+1, strings.Repeat("x", maxReply+1)),
		stricter: "no reply needs it"},
	{name: "chunks over 1 MiB", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("2000\r\n"+strings.Repeat("x", 1<<13)+"\r\n", 128) + "0\r\n\r\n",
		stricter: "as above"},

	{name: "a length in two spellings", raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 02\r\n\r\n{}",
		laxer: "both are the same number"},
	{name: "a length announced as a trailer", raw: "HTTP/1.1 200 OK\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		laxer: "trailers are not interpreted"},
}

// TestDifferential compares the responses with those of net/http. Where only one of the
// two accepts a reply, the table has the reason.
func TestDifferential(t *testing.T) {
	for _, test := range differential {
		t.Run(test.name, func(t *testing.T) {
			raw := []byte(test.raw)
			ours, theirs := readByConn(t, raw), readByNetHTTP(t, raw)
			compare(t, ours, theirs)
			weFail := test.stricter != "" || test.laxer == "" && theirs.err != nil
			theyFail := test.laxer != "" || test.stricter == "" && ours.err != nil
			if weFail != (ours.err != nil) || theyFail != (theirs.err != nil) {
				t.Errorf("%v, net/http %v", ours.err, theirs.err)
			}
		})
	}
}

// TestSplitReplies splits each reply at every byte. The response must not change.
func TestSplitReplies(t *testing.T) {
	for _, test := range differential {
		raw := []byte(test.raw)
		if len(raw) > 1<<10 {
			continue // a long reply takes no other path
		}
		t.Run(test.name, func(t *testing.T) {
			text := func(o outcome) string {
				return fmt.Sprint(o.Response, o.err) // reusable depends on when the rest arrives
			}
			want := text(readByConn(t, raw))
			if got := text(readByConn(t, bytes.SplitAfter(raw, nil)...)); got != want {
				t.Errorf("byte by byte: %s, want %s", got, want)
			}
			for i := range raw {
				if got := text(readByConn(t, raw[:i], raw[i:])); got != want {
					t.Errorf("split at %d: %s, want %s", i, got, want)
				}
			}
		})
	}
}
