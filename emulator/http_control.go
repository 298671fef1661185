package emulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// serveLines serves a list as lines of JSON.
func serveLines[T any](list func() []T) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = writeLines(w, list()) // an error means that the client is gone
	}
}

// WriteLog writes the log as GET /emulator/log does, one line of JSON for each entry. It
// returns the first error of w.
func (g *Gateway) WriteLog(w io.Writer) error { return writeLines(w, g.Log()) }

func writeLines[T any](w io.Writer, list []T) error {
	enc := json.NewEncoder(w)
	for _, entry := range list {
		if err := enc.Encode(entry); err != nil {
			return err
		}
	}
	return nil
}

// serveSetFault reports an invalid fault with status 400: the body is the test's, not that
// of a client under test, so that the error is not an envelope.
func (g *Gateway) serveSetFault(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	var f Fault
	if err == nil {
		f, err = parseFault(body)
	}
	if err == nil {
		err = g.SetFault(f)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// parseFault reads a Fault whose delay is text such as 2s.
func parseFault(body []byte) (Fault, error) {
	var b struct {
		Fault
		Delay string `json:"delay"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(&b)
	if err == nil && b.Delay != "" {
		b.Fault.Delay, err = time.ParseDuration(b.Delay)
	}
	return b.Fault, err
}
