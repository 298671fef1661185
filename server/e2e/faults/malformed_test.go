package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// malformedReplies returns replies that do not come from the gateway, or are incomplete. None of them
// shows the outcome of the call.
func malformedReplies() (list []*fault) {
	add := func(name string, reply http.HandlerFunc) {
		list = append(list, &fault{
			name: "reply: " + name, reply: reply, deadline: longTimeout, want: []outcome{unknown},
		})
	}
	for _, b := range malformedBodies {
		add(b.name, replyWith(http.StatusOK, b.body))
	}
	for _, status := range []int{201, 202, 206, 400, 401, 404, 409, 429, 500, 502, 503, 504} {
		reply := replyWith(status, `{"message":"success","retcode":"0","result":{}}`)
		add(fmt.Sprintf("%d with retcode 0", status), reply)
	}
	add("500 with HTML", replyWith(500, "<html>Internal Server Error</html>"))
	add("503 without a body", replyWith(503, ""))
	add("204", replyWith(http.StatusNoContent, ""))
	for _, status := range []int{301, 302, 307, 308} {
		add(fmt.Sprintf("%d to another host", status), redirectWith(status))
	}
	add("truncated body", truncatedBody)
	add("truncated chunks", truncatedChunks)
	add("compressed bomb", compressedBomb)
	add("10 MiB", hugeReply)
	return list
}

var malformedBodies = []struct{ name, body string }{
	{"HTML", "<html><body>Please sign in</body></html>"},
	{"empty body", ""},
	{"truncated JSON", `{"message":"success","retcode":"0"`},
	{"text after the JSON", `{"message":"success","retcode":"0"} {"retcode":"101-002"}`},
	{"not UTF-8", "{\"message\":\"\xff\xfe\",\"retcode\":\"0\"}"},
	{"two retcodes", `{"retcode":"101-002","retcode":"0"}`},
	{"two retcodes in reverse order", `{"retcode":"0","retcode":"101-002"}`},
	{"no retcode", `{"message":"success"}`},
	{"retcode null", `{"retcode":null}`},
	{"retcode true", `{"retcode":true}`},
	{"retcode a list", `{"retcode":["0"]}`},
	{"retcode an object", `{"retcode":{"0":"0"}}`},
	{"retcode unknown", `{"retcode":"999-999"}`},
	{"retcode with a blank", `{"retcode":"101-002 "}`},
	{"a list", `["0"]`},
	{"a string", `"0"`},
	{"null", "null"},
}

func replyWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func truncatedBody(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	truncatedChunks(w, r)
}

func truncatedChunks(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"message":"success","retcode":"0"}`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// compressedBomb sends 64 KiB that decompress to 64 MiB.
func compressedBomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	w.Write(compressedZeros())
}

var compressedZeros = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	return b.Bytes()
})

func hugeReply(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"retcode":"0","message":"`)
	for range 10 {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
			return
		}
	}
	io.WriteString(w, `"}`)
}

// redirectHeader is the header in which a testbed passes the address of its redirectTarget to the fault.
const redirectHeader = "X-Redirect-Target"

func redirectWith(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Header.Get(redirectHeader)+"/", status)
	}
}

// redirectTarget is the host that redirects name. It counts connections: agentconf must not open any.
type redirectTarget struct {
	*httptest.Server
	connections atomic.Int64
}

func newRedirectTarget(t *testing.T) *redirectTarget {
	target := &redirectTarget{Server: httptest.NewUnstartedServer(http.NotFoundHandler())}
	target.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			target.connections.Add(1)
		}
	}
	target.Start()
	t.Cleanup(target.Close)
	return target
}
