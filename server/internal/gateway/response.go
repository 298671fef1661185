package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
)

const (
	// maxAnswer bounds an answer, head and body together, in bytes.
	maxAnswer = 1 << 20

	// maxHead bounds the head of a response in bytes, maxLine each line of it and
	// all trailers together.
	maxHead = 64 << 10
	maxLine = 4 << 10

	// maxInterim is how many interim (1xx) responses may precede the final one.
	maxInterim = 5
)

// The errors of answers that do not follow RFC 9112, or take a liberty of it that
// two readers may read differently. None repeats what the gateway sent.
var (
	errNotHTTP  = errors.New("the reply is not HTTP/1.1")
	errHead     = errors.New("the head of the reply has a line over 4 KiB, or more than 64 KiB in all")
	errInterim  = errors.New("the reply has no final response")
	errTooLarge = errors.New("the reply is larger than 1 MiB")
	errCut      = errors.New("the gateway closed the connection before the reply was complete")
)

// response is an HTTP response of the gateway.
type response struct {
	status  int
	setGUID string // the header Set-GUID
	body    []byte
}

// readResponse reads the final response, and reports whether another may follow it.
func (c *conn) readResponse() (got response, more bool, err error) {
	h, err := c.readFinalHead()
	if err != nil {
		return response{}, false, err
	}
	body, err := c.readBody(&h)
	if err != nil {
		return response{}, false, err
	}
	return response{h.status, h.setGUID, body}, h.keepsConnection(), nil
}

func (c *conn) readFinalHead() (head, error) {
	for range maxInterim + 1 {
		h, err := c.readHead()
		if err != nil || h.status > 199 {
			return h, err
		}
		if h.status == http.StatusSwitchingProtocols {
			break // what follows is not HTTP
		}
	}
	return head{}, errInterim
}

func (c *conn) readHead() (head, error) {
	left := maxHead
	line, err := c.readLine(&left)
	if err != nil {
		return head{}, err
	}
	h, err := parseStatus(line)
	if err != nil {
		return head{}, err
	}
	if err := c.readFields(left, h.set); err != nil {
		return head{}, err
	}
	return h, h.check()
}

// readFields reads header or trailer lines of at most left bytes, and the empty one
// behind them.
func (c *conn) readFields(left int, set func(name, value []byte) error) error {
	for {
		line, err := c.readLine(&left)
		if err != nil || len(line) == 0 {
			return err
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || !isName(name) {
			return errNotHTTP
		}
		if err := set(name, value); err != nil {
			return err
		}
	}
}

// readLine reads a line of at most left bytes, which must end in CR LF, and takes
// what it has read off left. The line is valid until the next read.
func (c *conn) readLine(left *int) ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	*left -= len(line)
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || *left < 0:
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

// readBody reads the body of the response with the head h.
func (c *conn) readBody(h *head) ([]byte, error) {
	switch {
	case h.bodiless():
		return nil, nil
	case h.chunked:
		return c.readChunks()
	case h.length > maxAnswer:
		return nil, errTooLarge
	case h.length >= 0:
		body := make([]byte, h.length)
		_, err := io.ReadFull(c.reader, body)
		return body, err
	}
	return io.ReadAll(c.reader)
}

func (c *conn) readChunks() ([]byte, error) {
	body, err := io.ReadAll(httputil.NewChunkedReader(c.reader))
	if err != nil {
		return nil, errNotHTTP
	}
	return body, c.readFields(maxLine, func(_, _ []byte) error { return nil })
}
