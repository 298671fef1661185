package gateway

import (
	"context"
	"errors"
	"os"
	"time"
)

// exchange writes m and reads the answer to it, both by deadline. Every error is an
// *Error that says whether any of m was written.
func (e *endpoint) exchange(ctx context.Context, deadline time.Time, m *message) (response, error) {
	if err := ctx.Err(); err != nil {
		return response{}, &Error{Kind: NotSent, Err: err}
	}
	c, err := e.connect(ctx, deadline)
	if err != nil {
		return response{}, &Error{Kind: NotSent, Err: cause(ctx, err)}
	}
	before := c.socket.written
	got, reusable, err := c.roundTrip(m)
	if free := c.socket.end(); free && reusable {
		e.idle.put(c)
	} else {
		c.Close()
	}
	if err != nil {
		return response{}, &Error{Kind: kindOf(err, c.socket.written > before), Err: cause(ctx, err)}
	}
	return got, nil
}

// connect returns a connection for one call: an idle one that is fit, or a new one.
func (e *endpoint) connect(ctx context.Context, deadline time.Time) (*conn, error) {
	for {
		c := e.idle.get()
		if c == nil {
			return e.breaker.run(deadline, func() (*conn, error) { return e.open(ctx, deadline) })
		}
		c.socket.begin(ctx, deadline)
		if c.fit() {
			e.reused.Add(1)
			return c, nil
		}
		c.Close()
	}
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

// roundTrip writes m, which is not to be used afterwards, and reads the final
// response. It reports whether the connection may serve another call.
func (c *conn) roundTrip(m *message) (got response, reusable bool, err error) {
	_, err = c.Write(m.text)
	m.free()
	if err != nil {
		return response{}, false, err
	}
	c.answer.left = maxAnswer
	if got, reusable, err = c.readResponse(); err != nil {
		return response{}, false, c.answer.failure(err)
	}
	return got, reusable && c.reader.Buffered() == 0, nil
}
