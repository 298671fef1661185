package operation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"

	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
)

const (
	// switchoverDelay is how long a caller should wait for an agent that is being
	// moved to another server. No page gives a figure.
	switchoverDelay = 2 * time.Second

	maxRetcode = 32  // characters of a retcode that are passed on; real ones have 7
	maxMessage = 256 // characters of a gateway's message that are passed on
)

// String names the operation for an error text.
func (op Operation) String() string {
	by := op.Name + " by agent " + op.Request.GetAgentId()
	if target, ok := op.Request.(Addressed); ok {
		return fmt.Sprintf("%s on %v", by, ParticipantOf(target))
	}
	return by
}

// Fail returns an error of kind k. text says what happened and what to do next.
func (op Operation) Fail(k outcome.Kind, text string, cause error) *outcome.Error {
	if k.Outcome == outcome.Unknown {
		text += ". " + cmp.Or(op.Advice, outcome.LookFirst)
	}
	return k.Error(op.Name, fmt.Sprintf("%v %s: %s.", op, k.Outcome.Phrase(), text), cause)
}

// Failure returns the error of an operation whose request ended with err, an error of
// the gateway's client. guid is the GUID that the request had.
func (op Operation) Failure(err error, guid string) *outcome.Error {
	failure, ok := errors.AsType[*gateway.Error](err)
	if !ok {
		return outcome.Fault(op.Name, err)
	}
	cancelled := errors.Is(err, context.Canceled)
	switch {
	case failure.Kind == gateway.Refused:
		return op.refusal(failure, guid)
	case failure.Kind == gateway.NotSent && cancelled:
		return op.Fail(outcome.CallCancelled, "the caller cancelled before anything was sent", err)
	case failure.Kind == gateway.NotSent:
		return op.notSent(err)
	case cancelled:
		return op.Fail(outcome.AnswerAbandoned, "the caller cancelled after the request was sent", err)
	case failure.Kind == gateway.TimedOut:
		return op.Fail(outcome.AnswerTimedOut, "the request was sent and the CC-Gateway did not answer in time", err)
	}
	return op.Fail(outcome.AnswerLost, "the request was sent and no answer came back that can be trusted", err)
}

// notSent returns the error of a request of which no byte was written.
func (op Operation) notSent(err error) *outcome.Error {
	const advice = "; if that does not help, the operator should check the gateway's address and certificate"
	if open, ok := errors.AsType[gateway.CircuitOpen](err); ok {
		e := op.Fail(outcome.CircuitOpen, "the last attempts to reach the CC-Gateway failed, and nothing was sent. Wait and try again"+advice, err)
		e.RetryAfter = open.RetryAfter
		return e
	}
	what := "the CC-Gateway could not be reached"
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		what = "the CC-Gateway was not reached in time"
	}
	return op.Fail(outcome.GatewayUnreachable, what+" and nothing was sent. Try again"+advice, err)
}

// refusal returns the error of a request that was answered with a retcode other than
// "0".
func (op Operation) refusal(answer *gateway.Error, guid string) *outcome.Error {
	r := op.redactor(guid)
	retcode := answer.Retcode
	m, known := meanings[retcode]
	if !known {
		m, retcode = unmapped, r.Replace(retcode) // a gateway may send anything
	}
	retcode = printable(retcode, maxRetcode)
	e := op.Fail(m.kind(), fmt.Sprintf("%s (retcode %s)", m.text, retcode), nil)
	e.Retcode = retcode
	e.GatewayMessage = printable(r.Replace(answer.Message), maxMessage)
	e.GatewayResult = refusalResult(answer.Result)
	if m.code == codes.Unavailable {
		e.RetryAfter = switchoverDelay
	}
	if e.GatewayMessage != "" {
		e.Text += fmt.Sprintf(" The CC-Gateway said %q.", e.GatewayMessage)
	}
	return e
}

// printable bounds a text of an unknown peer to limit characters, so that it fits into
// a trailer and on one line.
func printable(s string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if runes := []rune(clean); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return clean
}
