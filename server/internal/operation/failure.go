package operation

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"

	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
)

const (
	// switchoverDelay is how long a caller should wait for an agent that the gateway moves
	// to another server. No page gives a figure.
	switchoverDelay = 2 * time.Second

	maxRetcode = 32  // characters of a retcode that are passed on; real ones have 7
	maxMessage = 256 // characters of a gateway's message that are passed on
)

// String names the operation for an error text: the method, the agent, and the participant
// if the request names one, its phone number masked.
func (op Operation) String() string {
	by := op.Name + " by agent " + op.Request.GetAgentId()
	if target, ok := op.Request.(Addressed); ok {
		return by + " on " + ParticipantOf(target).String()
	}
	return by
}

// Fail returns an error of kind k. text is the end of a sentence: the cause and, if the
// outcome is known, the next action. After an unknown outcome the next action is the
// advice of op. text must not have a confidential value; cause is for the log alone.
func (op Operation) Fail(k outcome.Kind, text string, cause error) *outcome.Error {
	if k.Outcome == outcome.Unknown {
		text += ". " + cmp.Or(op.Advice, outcome.LookFirst)
	}
	return k.Error(op.Name, op.String()+" "+k.Outcome.Phrase()+": "+text+".", cause)
}

// failure returns the error of an operation whose request ended with err, an error of
// the gateway's client. guid is the GUID that the request had.
//
// The order of the cases matters. A refusal is the gateway's answer, even if the caller has
// cancelled by now. A call that its caller cancelled is CANCELED, even if its time ran out
// as well, but its outcome depends on whether a byte was written.
func (op Operation) failure(err error, guid string) *outcome.Error {
	answer, ok := errors.AsType[*gateway.Error](err)
	if !ok {
		return outcome.Fault(op.Name, err)
	}
	const sent = "the request was sent and "
	cancelled := errors.Is(err, context.Canceled)
	switch {
	case answer.Kind == gateway.Refused:
		return op.refusal(answer, guid)
	case answer.Kind == gateway.NotSent && cancelled:
		return op.Fail(outcome.CallCancelled, "the caller cancelled before anything was sent", err)
	case answer.Kind == gateway.NotSent:
		return op.notSent(err)
	case cancelled:
		return op.Fail(outcome.AnswerAbandoned, "the caller cancelled after the request was sent", err)
	case answer.Kind == gateway.TimedOut:
		return op.Fail(outcome.AnswerTimedOut, sent+"the CC-Gateway did not answer in time", err)
	}
	return op.Fail(outcome.AnswerLost, sent+"no answer came back that can be trusted", err)
}

// notSent returns the error of a request of which no byte was written.
func (op Operation) notSent(err error) *outcome.Error {
	const advice = "; if that does not help, the operator should check the gateway's address and certificate"
	if open, ok := errors.AsType[gateway.CircuitOpen](err); ok {
		e := op.Fail(outcome.CircuitOpen,
			"the last attempts to reach the CC-Gateway failed, and nothing was sent. Wait and try again"+advice, err)
		e.RetryAfter = open.RetryAfter
		return e
	}
	text := "the CC-Gateway could not be reached"
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		text = "the CC-Gateway was not reached in time"
	}
	return op.Fail(outcome.GatewayUnreachable, text+" and nothing was sent. Try again"+advice, err)
}

// refusal returns the error of a request that was answered with a retcode other than "0".
// It redacts and bounds the texts of the gateway: an unknown retcode and the message may be
// any text, and may repeat the request.
func (op Operation) refusal(answer *gateway.Error, guid string) *outcome.Error {
	r := op.redactor(guid)
	retcode := answer.Retcode
	m, known := meanings[retcode]
	if !known {
		m, retcode = unmapped, r.Replace(retcode)
	}
	retcode = printable(retcode, maxRetcode)
	e := op.Fail(m.kind(), m.text+" (retcode "+retcode+")", nil)
	e.Retcode = retcode
	e.GatewayMessage = printable(r.Replace(answer.Message), maxMessage)
	e.GatewayResult = refusalResult(answer.Result)
	if m.code == codes.Unavailable { // 000-004 and 105-002
		e.RetryAfter = switchoverDelay
	}
	if e.GatewayMessage != "" {
		e.Text += " The CC-Gateway said " + strconv.Quote(e.GatewayMessage) + "."
	}
	return e
}

// printable bounds a text of an unknown peer to limit characters, so that it fits into
// a trailer and on one line. A blank replaces each character that is not printable.
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
