package http1

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// head holds the parts of a response's head that determine the end of the body, and the
// field that the caller wants.
type head struct {
	status      int
	oldHTTP     bool  // HTTP/1.0
	length      int64 // of the body; negative if the head has none
	chunked     bool
	close       bool
	keepAlive   bool
	charset     string // see Response
	wanted      string // name of the wanted field
	hasWanted   bool
	wantedValue string
	setCookie   []string
	cookieBytes int // of setCookie
}

// parseStatus parses a status line (RFC 9112, section 4): HTTP/1.1 200 and a reason, which
// some servers leave out, with the space before it.
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

// setField records the value of a header field, if h has a use for it. It accepts chunked
// as the only transfer coding: a proxy may read any other, or a second one, differently.
func (h *head) setField(name, value []byte) error {
	switch value := bytes.Trim(value, " \t"); {
	case equalFold(name, "content-length"):
		return h.setLength(value)
	case equalFold(name, "transfer-encoding"):
		if h.chunked || !equalFold(value, "chunked") {
			return errLength
		}
		h.chunked = true
	case equalFold(name, "connection"):
		h.close = h.close || listContains(value, "close")
		h.keepAlive = h.keepAlive || listContains(value, "keep-alive")
	case equalFold(name, "content-type"):
		h.charset = charsetOf(value)
	case equalFold(name, "set-cookie"):
		h.addCookie(value)
	case equalFold(name, h.wanted) && !h.hasWanted:
		h.hasWanted, h.wantedValue = true, string(value)
	}
	return nil
}

// addCookie keeps a cookie that the server sets, unless it exceeds maxCookies with those before.
func (h *head) addCookie(value []byte) {
	if len(value) > maxCookies-h.cookieBytes {
		return
	}
	h.setCookie = append(h.setCookie, string(value))
	h.cookieBytes += len(value)
}

// setLength accepts the same length twice: some servers add a Content-Length to that of a
// script.
func (h *head) setLength(value []byte) error {
	length, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || h.length >= 0 && h.length != int64(length) {
		return errLength
	}
	h.length = int64(length)
	return nil
}

// bodiless reports whether the status rules out a body (RFC 9112, section 6.3).
func (h *head) bodiless() bool {
	return h.status == http.StatusNoContent || h.status == http.StatusNotModified
}

// keepsConnection reports whether another response can follow this one (RFC 9112, section
// 9.3). A response without a body that announces one leaves it open what follows.
func (h *head) keepsConnection() bool {
	delimited := h.chunked || h.length >= 0
	if h.bodiless() {
		delimited = !h.chunked && h.length <= 0
	}
	return delimited && !h.close && (!h.oldHTTP || h.keepAlive)
}

// equalFold reports whether text is the ASCII word, whatever the case of its letters. The
// lengths differ if text has the Kelvin sign, three bytes that fold to a k.
func equalFold(text []byte, word string) bool {
	return len(text) == len(word) && bytes.EqualFold(text, []byte(word))
}

// listContains reports whether word is an item of a comma-separated list.
func listContains(list []byte, word string) bool {
	for item := range bytes.SplitSeq(list, []byte(",")) {
		if equalFold(bytes.Trim(item, " \t"), word) {
			return true
		}
	}
	return false
}

// charsetOf returns the charset parameter of a media type, in the form of Response.Charset.
func charsetOf(mediaType []byte) string {
	for parameter := range bytes.SplitSeq(mediaType, []byte(";")) {
		name, value, _ := bytes.Cut(bytes.Trim(parameter, " \t"), []byte("="))
		if !equalFold(name, "charset") {
			continue
		}
		if value = bytes.Trim(value, `"`); equalFold(value, "utf-8") {
			return ""
		}
		return strings.ToLower(string(value))
	}
	return ""
}

// foreignProtocol returns an error if start, the first bytes of a response, are those of a
// TLS alert or handshake (RFC 8446, section 5.1), or of a page without a head.
func foreignProtocol(start []byte) error {
	switch {
	case bytes.Equal(start, []byte{21, 3}), bytes.Equal(start, []byte{22, 3}):
		return errTLS
	case bytes.HasPrefix(start, []byte("<")):
		return errHTML
	}
	return nil
}

// isText reports whether line has no control character but tabs.
func isText(line []byte) bool {
	for _, b := range line {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
