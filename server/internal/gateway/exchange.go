package gateway

import (
	"context"
	"errors"
	"os"
	"time"

	"agentconf/server/internal/gateway/http1"
)

// guidField is the header field in which the gateway issues a GUID (page 05_4015).
const guidField = "Set-GUID"

// exchange sends req, which it frees, and returns the response. It ends at deadline. Every
// error is an *Error.
func (e *endpoint) exchange(
	ctx context.Context, deadline time.Time, req *wireRequest,
) (http1.Response, error) {
	if err := ctx.Err(); err != nil {
		return http1.Response{}, &Error{Kind: NotSent, Err: err}
	}
	if !time.Now().Before(deadline) { // before ctx has noticed; a connection would be spent on it
		return http1.Response{}, &Error{Kind: NotSent, Err: os.ErrDeadlineExceeded}
	}
	c, err := e.connect(ctx, deadline)
	if err != nil {
		return http1.Response{}, &Error{Kind: NotSent, Err: cause(ctx, err)}
	}
	var resp http1.Response
	written, err := c.Send(req.bytes)
	req.free()
	if err == nil {
		resp, err = c.Receive(guidField)
	}
	if c.End() {
		e.idle.put(c)
	} else {
		c.Close()
	}
	if err != nil {
		return http1.Response{}, &Error{Kind: kindOf(err, written), Err: cause(ctx, err)}
	}
	return resp, nil
}

// connect returns a connection on which a call has begun: an idle one, or a new one.
func (e *endpoint) connect(ctx context.Context, deadline time.Time) (*http1.Conn, error) {
	for {
		c := e.idle.get()
		if c == nil {
			return e.breaker.run(deadline, func() (*http1.Conn, error) { return e.open(ctx, deadline) })
		}
		if c.CheckQuiet() == nil {
			c.Begin(ctx, deadline)
			e.reused.Add(1)
			return c, nil
		}
		c.Close()
	}
}

// kindOf returns the kind of an error on a connection. written is false only if surely no
// byte of the request was sent.
func kindOf(err error, written bool) Kind {
	switch {
	case !written:
		return NotSent
	case errors.Is(err, os.ErrDeadlineExceeded):
		return TimedOut
	}
	return Broken
}

// cause returns context.Canceled if the caller has cancelled the call, since the error of
// the connection is then only a consequence. Otherwise it returns err.
func cause(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return err
}
