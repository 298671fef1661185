package page

import (
	"bytes"
	"io"
	"net/http"
)

// callGateway serves a call of the page itself to the gateway. A browser would repeat a call
// whose connection a fault breaks, and so execute a hold twice. Here the fault breaks no
// connection of the browser: it gets HTTP 502 with an error instead.
func callGateway(gateway http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &bufferedWriter{header: http.Header{}, status: http.StatusOK}
		if aborted(gateway, answer, r) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, `{"error":"The gateway broke the connection of the call, as the fault demands."}`)
			return
		}
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()) // an error means that the browser is gone
	})
}

// aborted serves r and reports whether the handler has broken the connection.
func aborted(h http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

// bufferedWriter is a http.ResponseWriter without a connection. Its size is that of one
// answer of the emulator.
type bufferedWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *bufferedWriter) Header() http.Header                { return w.header }
func (w *bufferedWriter) WriteHeader(status int)             { w.status = status }
func (w *bufferedWriter) Write(text []byte) (n int, _ error) { return w.body.Write(text) }
