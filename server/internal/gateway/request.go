package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
)

// message is an HTTP/1.1 request in its bytes. Its memory serves one call after the
// other.
type message struct {
	text []byte
	body bytes.Buffer
	json *json.Encoder // into body
}

var messages = sync.Pool{New: func() any {
	m := new(message)
	m.json = json.NewEncoder(&m.body)
	return m
}}

func (m *message) free() { messages.Put(m) }

// encode writes req as a message, with the headers that page 0473 documents and no
// others.
func (e *endpoint) encode(req Request) (*message, error) {
	if req.Path == "" || !visible(req.Path) || !visible(req.GUID) || !visible(req.ServiceToken) ||
		!visible(req.TraceParent) || !visible(strings.ReplaceAll(req.TraceState, " ", "")) {
		return nil, errors.New("path, GUID, service token or trace has a character that would break the request")
	}
	m := messages.Get().(*message)
	body, err := m.encodeBody(req.Body)
	if err != nil {
		return nil, err
	}
	text := append(m.text[:0], req.Method...)
	text = append(text, " "+resourceRoot...)
	text = append(text, req.Path...)
	text = append(text, e.head...)
	text = appendHeader(text, "Guid: ", req.GUID)
	text = appendHeader(text, "service_token: ", req.ServiceToken)
	text = appendHeader(text, "traceparent: ", req.TraceParent)
	text = appendHeader(text, "tracestate: ", req.TraceState)
	text = append(text, "Content-Length: "...)
	text = strconv.AppendInt(text, int64(len(body)), 10)
	text = append(text, "\r\n\r\n"...)
	m.text = append(text, body...)
	return m, nil
}

func (m *message) encodeBody(body any) ([]byte, error) {
	m.body.Reset()
	if body == nil {
		return nil, nil
	}
	if err := m.json.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(m.body.Bytes(), []byte("\n")), nil
}

// appendHeader appends a header that has a value.
func appendHeader(text []byte, name, value string) []byte {
	if value == "" {
		return text
	}
	text = append(text, name...)
	text = append(text, value...)
	return append(text, "\r\n"...)
}

// visible reports whether s is visible ASCII, and so cannot end its place in a
// request line or a header.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}
