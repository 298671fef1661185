package gateway

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
)

// errLength: on a connection that is used again, an answer whose end is not sure
// would be read as that of another call.
var errLength = errors.New("the reply leaves open where it ends")

// head is what a response says before its body, as far as it is needed.
type head struct {
	status    int
	oldHTTP   bool  // HTTP/1.0
	length    int64 // of the body, if it is not negative
	chunked   bool
	close     bool
	keepAlive bool
	hasGUID   bool
	setGUID   string
}

// parseStatus reads a status line: HTTP/1.1 200 and a reason, which may be missing.
func parseStatus(line []byte) (head, error) {
	const form = "HTTP/1.x 200"
	if len(line) < len(form) || len(line) > len(form) && line[len(form)] != ' ' {
		return head{}, errNotHTTP
	}
	version, code := string(line[:len("HTTP/1.x ")]), line[len("HTTP/1.x "):len(form)]
	status, err := strconv.ParseUint(string(code), 10, 16)
	if err != nil || status < 100 || version != "HTTP/1.1 " && version != "HTTP/1.0 " {
		return head{}, errNotHTTP
	}
	return head{status: int(status), oldHTTP: version == "HTTP/1.0 ", length: -1}, nil
}

// set takes over the header name. Of those that are not needed nothing is kept.
func (h *head) set(name, value []byte) error {
	switch value := bytes.Trim(value, " \t"); {
	case is(name, "content-length"):
		return h.setLength(value)
	case is(name, "transfer-encoding"):
		if h.chunked || !is(value, "chunked") {
			return errLength
		}
		h.chunked = true
	case is(name, "connection"):
		h.close = h.close || lists(value, "close")
		h.keepAlive = h.keepAlive || lists(value, "keep-alive")
	case is(name, "set-guid") && !h.hasGUID:
		h.hasGUID, h.setGUID = true, string(value)
	}
	return nil
}

// setLength takes the same length twice, which comes from servers that add theirs to
// that of a script.
func (h *head) setLength(value []byte) error {
	length, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || h.length >= 0 && h.length != int64(length) {
		return errLength
	}
	h.length = int64(length)
	return nil
}

// check reports what would let two readers find different ends of the response.
func (h *head) check() error {
	if h.chunked && (h.length >= 0 || h.oldHTTP) {
		return errLength
	}
	return nil
}

// bodiless reports whether the response has no body, whatever else it says.
func (h *head) bodiless() bool {
	return h.status == http.StatusNoContent || h.status == http.StatusNotModified
}

// keepsConnection reports whether another response may follow this one.
func (h *head) keepsConnection() bool {
	ends := h.chunked || h.length >= 0
	if h.bodiless() {
		ends = !h.chunked && h.length <= 0
	}
	return ends && !h.close && (!h.oldHTTP || h.keepAlive)
}

// is reports whether text is word, which is in lower case. Case does not matter,
// in ASCII and nowhere else.
func is(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i, b := range text {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != word[i] {
			return false
		}
	}
	return true
}

// lists reports whether word, which is in lower case, is in a list with commas.
func lists(list []byte, word string) bool {
	for item := range bytes.SplitSeq(list, []byte(",")) {
		if is(bytes.Trim(item, " \t"), word) {
			return true
		}
	}
	return false
}

// isName reports whether name can be that of a header: a token of RFC 9110.
func isName(name []byte) bool {
	for _, b := range name {
		if !tokenBytes[b] {
			return false
		}
	}
	return len(name) > 0
}

// isText reports whether line has no control characters but tabs.
func isText(line []byte) bool {
	for _, b := range line {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

var tokenBytes = func() (t [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789" +
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[b] = true
	}
	return t
}()
