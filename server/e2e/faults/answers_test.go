package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// elsewhere is the address of a host that a redirect leads to, and that is never to be
// asked. It is in the header so that each run has one of its own.
const elsewhere = "X-Elsewhere"

// answers are those that do not come from the gateway, or are not whole. A caller may
// learn from none of them what became of the call.
func answers() (list []*fault) {
	add := func(name string, a answer) {
		list = append(list, &fault{name: "answer: " + name, answer: a, deadline: ample, want: []verdict{unknown}})
	}
	for _, a := range falseBodies {
		add(a.name, body(http.StatusOK, a.body))
	}
	for _, status := range []int{400, 401, 404, 409, 429, 500, 502, 503, 504} {
		add(fmt.Sprintf("%d with JSON", status), body(status, `{"message":"no","retcode":"101-002","result":{}}`))
	}
	add("500 with HTML", body(500, "<html>Internal Server Error</html>"))
	add("503 without a body", body(503, ""))
	add("204", body(http.StatusNoContent, ""))
	for _, status := range []int{301, 302, 307, 308} {
		add(fmt.Sprintf("%d to another host", status), redirect(status))
	}
	add("body cut short", cutBody)
	add("chunks cut short", cutChunks)
	add("compressed bomb", bomb)
	add("10 MiB", huge)
	return list
}

var falseBodies = []struct{ name, body string }{
	{"HTML", "<html><body>Please sign in</body></html>"},
	{"empty body", ""},
	{"JSON cut short", `{"message":"success","retcode":"0"`},
	{"text behind the JSON", `{"message":"success","retcode":"0"} {"retcode":"101-002"}`},
	{"not UTF-8", "{\"message\":\"\xff\xfe\",\"retcode\":\"0\"}"},
	{"two retcodes", `{"retcode":"101-002","retcode":"0"}`},
	{"two retcodes, the other way", `{"retcode":"0","retcode":"101-002"}`},
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

func body(status int, text string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func redirect(status int) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Header.Get(elsewhere)+"/", status)
	}
}

func cutBody(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"message":"success","retcode":"0"}`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func cutChunks(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"message":"success","retcode":"0"}`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// bomb is 64 KiB that would become 64 MiB.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	w.Write(compressed())
}

var compressed = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	return b.Bytes()
})

func huge(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"retcode":"0","message":"`)
	for range 10 {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
			return
		}
	}
	io.WriteString(w, `"}`)
}
