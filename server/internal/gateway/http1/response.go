package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"sync"

	"golang.org/x/net/http/httpguts"
)

const (
	// maxReply is the limit of a reply in bytes: interim responses, head and body.
	maxReply = 1 << 20

	// maxHead is the limit of a response's head in bytes, and maxTrailers that of all its
	// trailers together.
	maxHead     = 64 << 10
	maxTrailers = 4 << 10

	// maxCookies is the limit of the cookies of a response in bytes. It leaves them room in the
	// 8 KiB that some gRPC clients accept as metadata.
	maxCookies = 4 << 10

	// bufferSize is the size of a reader's buffer in bytes. It has room for a usual reply,
	// which one read takes. A line that is longer is collected elsewhere, and the rest of a
	// long body is read to its place.
	bufferSize = 1 << 10

	// maxInterim is how many interim responses (1xx) may precede the final one.
	maxInterim = 5
)

// These errors reject a reply that violates RFC 9112, or that two readers may read
// differently. No error repeats bytes of the reply.
var (
	errNotHTTP   = errors.New("the reply is not HTTP/1.1")
	errTLS       = errors.New("the reply looks like TLS and not like HTTP/1.1; a URL with https:// may be needed")
	errHTML      = errors.New("the reply looks like an HTML page without HTTP/1.1")
	errUnasked   = errors.New("the server sent something before it got a request")
	errClosed    = errors.New("the server closed the connection before it got a request")
	errHead      = errors.New("the head of the reply has more than 64 KiB, or its trailers have more than 4 KiB")
	errInterim   = errors.New("the reply has no final response")
	errLength    = errors.New("the reply has no certain length") // its rest could be read as another reply
	errTooLarge  = errors.New("the reply is larger than 1 MiB")
	errTruncated = errors.New("the gateway closed the connection before the reply was complete")
)

// readers holds the readers that connections give up while they await a response.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferSize) }}

// Response is a final HTTP response.
type Response struct {
	Status int
	Header string // the first value of the field that the caller named

	// SetCookie has the values of the fields Set-Cookie, up to 4 KiB in all.
	SetCookie []string

	// Charset is the charset that Content-Type names, in lower case. It is empty if there is
	// none, or if it is UTF-8.
	Charset string
	Body    []byte
}

// Receive reads the final response. field names the header field that the caller wants. Its
// error is os.ErrDeadlineExceeded after the call's deadline or the end of its context.
func (c *Conn) Receive(field string) (Response, error) {
	c.limited.left = maxReply
	if c.reader == nil {
		c.reader = readers.Get().(*bufio.Reader)
		c.reader.Reset(&c.limited)
	}
	h, err := c.readFinalHead(field)
	var body []byte
	if err == nil {
		body, err = c.readBody(&h)
	}
	if err != nil {
		return Response{}, c.limited.cause(err)
	}
	c.reusable = h.keepsConnection() && c.reader.Buffered() == 0
	return Response{h.status, h.wantedValue, h.setCookie, h.charset, body}, nil
}

// readFinalHead skips interim responses, such as 100 Continue, which a server may send
// unasked.
func (c *Conn) readFinalHead(field string) (head, error) {
	for range maxInterim + 1 {
		h, err := c.readHead(field)
		if err != nil || h.status > 199 {
			return h, err
		}
		if h.status == http.StatusSwitchingProtocols {
			break // the bytes behind it are not HTTP
		}
	}
	return head{}, errInterim
}

// readHead reads the head of one response. maxHead bounds it with its status line.
func (c *Conn) readHead(field string) (head, error) {
	start, _ := c.reader.Peek(2)
	if err := foreignProtocol(start); err != nil {
		return head{}, err
	}
	left := maxHead
	line, err := c.readLine(&left)
	if err != nil {
		return head{}, err
	}
	h, err := parseStatus(line)
	if err != nil {
		return head{}, err
	}
	h.wanted = field
	err = c.readFields(left, h.setField)
	if err == nil && h.chunked && (h.length >= 0 || h.oldHTTP) {
		return head{}, errLength // two readers may find different ends
	}
	return h, err
}

// readFields reads at most left bytes of header or trailer fields, up to and including the
// empty line that ends them.
func (c *Conn) readFields(left int, set func(name, value []byte) error) error {
	for {
		line, err := c.readField(&left)
		if err != nil || len(line) == 0 {
			return err
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || !httpguts.ValidHeaderFieldName(string(name)) {
			return errNotHTTP
		}
		if err := set(name, value); err != nil {
			return err
		}
	}
}

// readField reads a field with the lines into which an old server has folded it. A blank
// replaces each fold (RFC 9112, section 5.2). The field is valid until the next read.
func (c *Conn) readField(left *int) ([]byte, error) {
	line, err := c.readLine(left)
	for err == nil && len(line) > 0 {
		if c.reader.Buffered() == 0 {
			line = bytes.Clone(line) // Peek overwrites it
		}
		// At least the empty line follows a field, so that Peek does not wait in vain.
		next, peekErr := c.reader.Peek(1)
		if peekErr != nil || next[0] != ' ' && next[0] != '\t' {
			return line, peekErr
		}
		field := append(bytes.Clone(bytes.TrimRight(line, " \t")), ' ')
		if line, err = c.readLine(left); err == nil {
			line = append(field, bytes.Trim(line, " \t")...)
		}
	}
	return line, err
}

// readLine reads a line that ends in CR LF and subtracts its length from left, which it
// must not exceed. The line is valid until the next read.
func (c *Conn) readLine(left *int) ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	*left -= len(line)
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = c.readLongLine(bytes.Clone(line), left)
	}
	switch {
	case *left < 0:
		return nil, errHead
	case err != nil:
		return nil, err
	}
	line, found := bytes.CutSuffix(line, []byte("\r\n"))
	if !found || !isText(line) {
		return nil, errNotHTTP
	}
	return line, nil
}

// readLongLine appends the rest of a line that is longer than the buffer, or what left
// allows of it.
func (c *Conn) readLongLine(line []byte, left *int) ([]byte, error) {
	for *left >= 0 {
		more, err := c.reader.ReadSlice('\n')
		*left -= len(more)
		line = append(line, more...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
	return nil, errHead
}

// readBody reads the body up to its end: none, the last chunk, the announced length, or the
// end of the connection. It allocates an announced length at once, up to maxReply.
func (c *Conn) readBody(h *head) ([]byte, error) {
	switch {
	case h.bodiless():
		return nil, nil
	case h.chunked:
		return c.readChunks()
	case h.length > maxReply:
		return nil, errTooLarge
	case h.length >= 0:
		body := make([]byte, h.length)
		_, err := io.ReadFull(c.reader, body)
		return body, err
	}
	return io.ReadAll(c.reader)
}

// readChunks reads a chunked body and its trailers, of which it uses none. A trailer could
// otherwise set a field that a proxy in between has not seen.
func (c *Conn) readChunks() ([]byte, error) {
	body, err := io.ReadAll(httputil.NewChunkedReader(c.reader))
	if err != nil {
		return nil, errNotHTTP
	}
	return body, c.readFields(maxTrailers, func(_, _ []byte) error { return nil })
}
