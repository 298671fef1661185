package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"agentconf/emulator"
)

// malformedReplies returns replies that do not come from the gateway, or are incomplete. None of them
// shows the outcome of the call.
func malformedReplies() (list []*fault) {
	add := func(name string, reply emulator.Fault) {
		list = append(list, &fault{
			name: "reply: " + name, reply: &reply, deadline: longTimeout, want: []outcome{unknown},
		})
	}
	for _, b := range malformedBodies {
		add(b.name, emulator.Fault{Body: b.body})
	}
	for _, status := range []int{201, 202, 206, 400, 401, 404, 409, 429, 500, 502, 503, 504} {
		add(fmt.Sprintf("%d with retcode 0", status), emulator.Fault{Status: status, Body: accepted})
	}
	add("empty body", emulator.Fault{Status: http.StatusOK})
	add("500 with HTML", emulator.Fault{Status: 500, Body: "<html>Internal Server Error</html>"})
	add("503 without a body", emulator.Fault{Status: 503})
	add("204", emulator.Fault{Status: http.StatusNoContent})
	for _, status := range []int{301, 302, 307, 308} {
		add(fmt.Sprintf("%d to another host", status), emulator.Fault{
			Status: status, Headers: map[string]string{"Location": redirectLocation},
		})
	}
	chunked := map[string]string{"Transfer-Encoding": "chunked"}
	add("truncated body", emulator.Fault{Body: accepted + accepted, Connection: "close", At: "in"})
	add("truncated chunks", emulator.Fault{Body: accepted + accepted, Connection: "close", At: "in", Headers: chunked})
	add("compressed bomb", emulator.Fault{Body: compressedZeros(), Headers: map[string]string{"Content-Encoding": "gzip"}})
	add("10 MiB", emulator.Fault{Body: `{"retcode":"0","message":"` + strings.Repeat("x", 10<<20) + `"}`})
	return list
}

// accepted is the gateway's envelope of a success.
const accepted = `{"message":"success","retcode":"0","result":{}}`

var malformedBodies = []struct{ name, body string }{
	{"HTML", "<html><body>Please sign in</body></html>"},
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

// compressedZeros returns 64 KiB that decompress to 64 MiB.
var compressedZeros = sync.OnceValue(func() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	return b.String()
})

// redirectLocation stands for the URL of a testbed's redirectTarget.
const redirectLocation = "redirect target"

// withLocation returns f with the URL of the target in place of redirectLocation.
func (target *redirectTarget) withLocation(f emulator.Fault) emulator.Fault {
	if f.Headers["Location"] == redirectLocation {
		f.Headers = map[string]string{"Location": target.URL}
	}
	return f
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
