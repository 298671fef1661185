package fault

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Answer is an HTTP answer that is not sent yet.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Change returns the answer under the fault. It leaves a unchanged.
func (f *Fault) Change(a Answer) Answer {
	changed := Answer{a.Status, a.Header.Clone(), a.Body}
	if changed.Header == nil {
		changed.Header = http.Header{}
	}
	if f.Status != 0 {
		changed.Status = f.Status
	}
	if f.Body != "" || f.Status != 0 && f.Retcode == "" {
		changed.Body = []byte(f.Body)
	}
	for name, value := range f.Headers {
		for other := range changed.Header {
			if strings.EqualFold(name, other) {
				delete(changed.Header, other)
			}
		}
		changed.Header[name] = []string{value} // with its spelling
	}
	return changed
}

// StatusOf returns the HTTP status of an answer under the fault: 0 if nothing of it is sent.
func (f *Fault) StatusOf(status int) int {
	switch {
	case f.losesAnswer():
		return 0
	case f.Status != 0:
		return f.Status
	}
	return status
}

// Effect says in words what the fault does to an answer. It is "" if it only delays it or
// changes its retcode.
func (f *Fault) Effect() string {
	var parts []string
	switch f.Connection {
	case Hang:
		parts = append(parts, "no answer")
	case Close, Reset:
		verb := map[string]string{Close: "closed", Reset: "reset"}[f.Connection]
		at := f.At
		if at == "" {
			at = Before
		}
		parts = append(parts, fmt.Sprintf("connection %s %s the answer", verb, at))
	}
	if f.Status != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(f.Status))
	}
	if f.Body != "" {
		parts = append(parts, "another body")
	}
	if len(f.Headers) > 0 {
		parts = append(parts, "other headers")
	}
	if f.delays() {
		parts = append(parts, "delayed")
	}
	return strings.Join(parts, ", ")
}

// Respond sends the answer a as far as the fault allows. It does not wait: the caller has
// waited for the delay, or for the client to leave.
func (f *Fault) Respond(w http.ResponseWriter, a Answer) {
	a = f.Change(a)
	if f.Connection == "" {
		a.Write(w)
		return
	}
	if f.losesAnswer() {
		f.end(w)
		return
	}
	if _, chunked := a.Header["Transfer-Encoding"]; !chunked {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	if f.At == In {
		a.Body = a.Body[:len(a.Body)/2]
	}
	a.Write(w)
	_ = http.NewResponseController(w).Flush() // an error means that the client is gone
	f.end(w)
}

// Write sends a.
func (a Answer) Write(w http.ResponseWriter) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}

// end closes or resets the connection of a request. A ResponseWriter without a connection of
// its own, such as that of a recorder, has the handler aborted instead.
func (f *Fault) end(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if f.Connection == Reset {
		reset(conn)
	}
	conn.Close()
}

// reset makes Close send RST.
func reset(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		t.SetLinger(0)
		t.Close() // below TLS, which would send an alert first
	}
}

// checkHeaders rejects headers that HTTP does not have. net/http would drop them.
func checkHeaders(headers map[string]string) error {
	for name, value := range headers {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
			return fmt.Errorf("header name %q is not valid", name)
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("the value of header %s has a line break", name)
		}
	}
	return nil
}
