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

// Exchange is a request that was sent, or that could not be, and whose reply was not read yet.
type Exchange struct {
	ctx      context.Context // of the call
	endpoint *endpoint
	conn     *http1.Conn // nil if err is not
	err      error       // an *Error
}

// send sends req, which it frees. The call ends at deadline. Reply must follow.
func (e *endpoint) send(ctx context.Context, deadline time.Time, req *wireRequest) Exchange {
	defer req.free()
	if err := ctx.Err(); err != nil {
		return Exchange{err: &Error{Kind: NotSent, Err: err}}
	}
	c, err := e.connect(ctx, deadline)
	if err != nil {
		return Exchange{err: &Error{Kind: NotSent, Err: cause(ctx, err)}}
	}
	if written, err := c.Send(req.bytes); err != nil {
		c.Close()
		return Exchange{err: &Error{Kind: kindOf(err, written), Err: cause(ctx, err)}}
	}
	return Exchange{ctx: ctx, endpoint: e, conn: c}
}

// Await returns when the reply begins, or when the call is over. A goroutine that waits in it
// needs a much smaller stack than in Reply.
func (x Exchange) Await() {
	if x.err == nil {
		x.conn.Await()
	}
}

// Reply reads the reply and returns it if its retcode is "0". Every error is an *Error. After a
// refusal, the reply has the GUID and the cookies that came with it, if any.
func (x Exchange) Reply() (Reply, error) {
	if x.err != nil {
		return Reply{}, x.err
	}
	resp, err := x.conn.Receive(guidField)
	if x.conn.End() {
		x.endpoint.idle.put(x.conn)
	} else {
		x.conn.Close()
	}
	if err != nil {
		return Reply{}, &Error{Kind: kindOf(err, true), Err: cause(x.ctx, err)}
	}
	return readReply(resp)
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
