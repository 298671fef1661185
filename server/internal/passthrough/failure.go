package passthrough

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
)

// fail sets the error of a request that has no response. err comes from the transport, or from
// the ReverseProxy for a response that it cannot pass on.
//
// The order of the cases matters: a request that its client cancelled is cancelled, even if its
// time ran out as well, but its outcome depends on whether a byte was written.
func (x *exchange) fail(err error) {
	failure, ok := errors.AsType[*gateway.Error](err)
	if !ok {
		failure = &gateway.Error{Kind: gateway.Broken, Err: err}
	}
	left := errors.Is(err, context.Canceled) || errors.Is(err, gateway.ErrIncomplete)
	switch {
	case failure.Kind == gateway.NotSent && left:
		x.err = x.newError(outcome.CallCancelled, "its client left before anything was sent", err)
	case failure.Kind == gateway.NotSent:
		x.err = x.notSent(err)
	case left:
		x.err = x.newError(outcome.AnswerAbandoned, "its client left, or did not send the whole body", err)
	case failure.Kind == gateway.TimedOut:
		x.err = x.newError(outcome.AnswerTimedOut, "it was sent, and the CC-Gateway did not answer in time", err)
	default:
		x.err = x.newError(outcome.AnswerLost, "it was sent, and no answer came back", err)
	}
}

func (x *exchange) notSent(err error) *outcome.Error {
	const advice = "; if that does not help, the operator should check the gateway's address and certificate"
	if open, ok := errors.AsType[gateway.CircuitOpen](err); ok {
		e := x.newError(outcome.CircuitOpen, "the last attempts to reach the CC-Gateway failed, "+
			"and nothing was sent. Wait and try again"+advice, err)
		e.RetryAfter = open.RetryAfter
		return e
	}
	return x.newError(outcome.GatewayUnreachable,
		"the CC-Gateway could not be reached and nothing was sent. Try again"+advice, err)
}

// newError returns an error of kind k. text is the end of a sentence.
func (x *exchange) newError(k outcome.Kind, text string, cause error) *outcome.Error {
	if k.Outcome == outcome.Unknown {
		text += ". Look at the state of the agent before repeating anything"
	}
	return k.Error("", fmt.Sprintf("%v %s: %s.", x, k.Outcome.Phrase(), text), cause)
}

// abort sets the error of a request that ended with a panic. ReverseProxy panics with
// http.ErrAbortHandler if a response breaks off after its head was passed on: the client
// notices by the missing end. Forward's deferred function calls it.
func (x *exchange) abort(panicked any) {
	switch {
	case panicked != http.ErrAbortHandler:
		x.err = outcome.Panicked("", panicked)
	case x.ctx.Err() != nil:
		x.err = x.newError(outcome.AnswerAbandoned, "its client left before the end of the answer", nil)
	default:
		x.err = x.newError(outcome.AnswerLost, "the answer broke off, or its client did not read it", nil)
	}
}
