package agentgateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// maxAnswer bounds an answer, head and body together, in bytes.
	maxAnswer = 1 << 20

	// maxInterim is how many interim (1xx) responses may precede the final one.
	maxInterim = 5
)

// response is an HTTP response of the gateway.
type response struct {
	status  int
	setGUID string // the header Set-GUID
	body    []byte
}

// exchange writes request and reads the answer to it, both by deadline. Every
// error is an *Error that says whether any of request was written.
func (e *endpoint) exchange(ctx context.Context, deadline time.Time, request []byte) (response, error) {
	if err := ctx.Err(); err != nil {
		return response{}, &Error{Kind: NotSent, Err: err}
	}
	cn := e.idle.get()
	if cn == nil {
		var err error
		if cn, err = e.open(ctx, deadline); err != nil {
			return response{}, &Error{Kind: NotSent, Err: cause(ctx, err)}
		}
	}
	before := cn.socket.written
	cn.SetDeadline(deadline) // fails on a closed socket only, and so will the write
	forget := context.AfterFunc(ctx, func() { cn.SetDeadline(time.Unix(1, 0)) })
	got, reusable, err := cn.roundTrip(request)
	// Once the caller has gone, its clean-up may still be touching the deadline.
	reusable = forget() && reusable
	if !reusable {
		defer cn.Close()
	}
	if err != nil {
		return response{}, &Error{Kind: kindOf(err, cn.socket.written > before), Err: cause(ctx, err)}
	}
	if reusable {
		e.idle.put(cn)
	}
	return got, nil
}

func kindOf(err error, written bool) Kind {
	switch {
	case !written:
		return NotSent
	case errors.Is(err, os.ErrDeadlineExceeded):
		return TimedOut
	}
	return Broken
}

// cause is context.Canceled if the caller gave up, whatever that looked like on
// the connection.
func cause(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return err
}

// roundTrip writes request and reads the final response, and reports whether the
// connection may serve another call.
func (c *conn) roundTrip(request []byte) (got response, reusable bool, err error) {
	if _, err := c.Write(request); err != nil {
		return response{}, false, err
	}
	c.answer.left = maxAnswer
	resp, err := c.readHead()
	if err == nil {
		got.body, err = io.ReadAll(resp.Body)
	}
	switch {
	case err == nil:
		got.status, got.setGUID = resp.StatusCode, resp.Header.Get("Set-Guid")
		return got, !resp.Close && c.reader.Buffered() == 0, nil
	case c.answer.err != nil:
		return response{}, false, c.answer.err
	}
	// The parser's own error would repeat what the gateway sent.
	return response{}, false, errors.New("the reply is not HTTP/1.1")
}

// readHead reads up to the body of the final response.
func (c *conn) readHead() (*http.Response, error) {
	for range maxInterim + 1 {
		resp, err := http.ReadResponse(c.reader, nil)
		if err != nil || resp.StatusCode > 199 {
			return resp, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			break // what follows is not HTTP
		}
	}
	return nil, errors.New("no final response")
}
