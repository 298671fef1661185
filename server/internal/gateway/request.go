package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
)

// wireRequest is an encoded HTTP/1.1 request. Its buffers serve one call after another.
type wireRequest struct {
	bytes []byte
	body  bytes.Buffer
	json  *json.Encoder // writes to body
}

var wireRequests = sync.Pool{New: func() any {
	r := new(wireRequest)
	r.json = json.NewEncoder(&r.body)
	return r
}}

// free makes the buffers available to the next call.
func (r *wireRequest) free() { wireRequests.Put(r) }

// encode encodes req with the headers that page 0473 documents, and no other but those of
// a trace.
func (e *endpoint) encode(req Request) (*wireRequest, error) {
	if req.Path == "" || !isVisible(req.Path) || !isVisible(req.GUID) || !isVisible(req.ServiceToken) ||
		!isVisible(req.TraceParent) || !isVisible(strings.ReplaceAll(req.TraceState, " ", "")) ||
		!isFieldValue(req.Cookie) {
		return nil, errors.New("path, GUID, service token, cookie or trace has a character that would break the request")
	}
	r := wireRequests.Get().(*wireRequest)
	body, err := r.encodeBody(req.Body)
	if err != nil {
		return nil, err
	}
	b := append(r.bytes[:0], req.Method...)
	b = append(b, " "+resourceRoot...)
	b = append(b, req.Path...)
	b = append(b, e.head...)
	b = appendHeader(b, "Guid: ", req.GUID)
	b = appendHeader(b, "service_token: ", req.ServiceToken)
	b = appendHeader(b, "Cookie: ", req.Cookie)
	b = appendHeader(b, "traceparent: ", req.TraceParent)
	b = appendHeader(b, "tracestate: ", req.TraceState)
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	r.bytes = append(b, body...)
	return r, nil
}

// encodeBody returns the JSON of body. It is valid until r is freed.
func (r *wireRequest) encodeBody(body any) ([]byte, error) {
	r.body.Reset()
	if body == nil {
		return nil, nil
	}
	if err := r.json.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(r.body.Bytes(), []byte("\n")), nil
}

// appendHeader appends a header, unless value is empty.
func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// isVisible reports whether s consists of visible ASCII. Such a string cannot end a request
// line or a header.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isFieldValue reports whether s has no control character, so that it cannot end a header.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
