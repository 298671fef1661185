package conference

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/server/internal/gateway"
)

const (
	// switchoverDelay is how long a caller should wait for an agent that is being
	// moved to another server. No page gives a figure.
	switchoverDelay = 2 * time.Second

	maxRetcode = 32  // bytes of a retcode that are passed on; real ones have 7
	maxMessage = 256 // characters of a gateway's message that are passed on

	lookFirst = "Look at the conference before repeating anything"

	// The reasons of errors after which nobody knows whether the operation happened,
	// because no answer came, or no event after it.
	outcomeUnknown = "OUTCOME_UNKNOWN"
	notConfirmed   = "NOT_CONFIRMED"
)

// operation is one call on its way: what is sent, and what an error of it may
// and may not say.
type operation struct {
	name    string // the gateway's method name in its logs
	agentID string
	target  participant // whom it is about, if one participant
	body    any
	read    func(*answer) error // reads what the answer has besides the envelope, if anything
	secrets []string            // what besides the target's address no text may repeat

	// What differs from a call of the conference family.
	method, path string
	noGUID       bool
	serviceToken string
	patience     time.Duration // for how long the gateway holds its answer back
	look         string        // what to do when the outcome is not known

	within *durationpb.Duration // for how long to wait for the event with change, if at all
	change changeType
}

// String names the operation for an error text.
func (op operation) String() string {
	by := op.name + " by agent " + op.agentID
	if op.target == (participant{}) {
		return by
	}
	return fmt.Sprintf("%s on %v", by, op.target)
}

func (op operation) advice() string { return cmp.Or(op.look, lookFirst) }

// failed says what became of op after err, an error of the gateway's client.
func (op operation) failed(err error) *Error {
	var failure *gateway.Error
	if !errors.As(err, &failure) {
		return Internal(op.name, err)
	}
	callerGaveUp := errors.Is(err, context.Canceled)
	switch {
	case failure.Kind == gateway.Refused:
		return op.refused(failure)
	case failure.Kind == gateway.NotSent && callerGaveUp:
		return op.lost(err, codes.Canceled, "CALL_CANCELLED",
			"the caller gave up before anything was sent")
	case failure.Kind == gateway.NotSent:
		if open, ok := errors.AsType[gateway.CircuitOpen](err); ok {
			return op.circuitOpen(open)
		}
		return op.lost(err, codes.Unavailable, "GATEWAY_UNREACHABLE",
			"the CC-Gateway was not reached in time and nothing was sent. Try again; if that does "+
				"not help, the operator should check the gateway's address and certificate")
	case callerGaveUp:
		return op.lost(err, codes.Canceled, outcomeUnknown,
			"the caller gave up after the request was sent. "+op.advice())
	case failure.Kind == gateway.TimedOut:
		return op.lost(err, codes.DeadlineExceeded, outcomeUnknown,
			"the request was sent and the CC-Gateway did not answer in time. "+op.advice())
	}
	return op.lost(err, codes.Unknown, outcomeUnknown,
		"the request was sent and no answer came back that can be trusted. "+op.advice())
}

// lost is the error of a call that got no answer, or none that says what became of
// it.
func (op operation) lost(cause error, code codes.Code, reason, text string) *Error {
	outcome := NotApplied
	if reason == outcomeUnknown || reason == notConfirmed {
		outcome = Unknown
	}
	return &Error{
		Code:      code,
		Reason:    reason,
		Outcome:   outcome,
		Operation: op.name,
		text:      fmt.Sprintf("%v %s: %s.", op, outcome.words(), text),
		cause:     cause,
	}
}

// circuitOpen is the error of a call that was not tried, as those before it failed.
func (op operation) circuitOpen(open gateway.CircuitOpen) *Error {
	e := op.lost(open, codes.Unavailable, "CIRCUIT_OPEN",
		"the CC-Gateway could not be reached lately, and nothing was sent. Wait and try again; if that does "+
			"not help, the operator should check the gateway's address and certificate")
	e.RetryAfter = open.RetryAfter
	return e
}

// refused is the error of a call that was answered with a retcode.
func (op operation) refused(answer *gateway.Error) *Error {
	retcode := answer.Retcode
	m, ok := meanings[retcode]
	if !ok {
		m, retcode = unmapped, op.redact(retcode) // who knows what it is
	}
	e := &Error{
		Code:           m.code,
		Reason:         m.reason,
		Outcome:        NotApplied,
		Operation:      op.name,
		Retcode:        printable(retcode, maxRetcode),
		GatewayMessage: printable(op.redact(answer.Message), maxMessage),
		GatewayResult:  refusal(answer.Result),
	}
	text := m.text
	switch m.code {
	case codes.Unknown:
		e.Outcome = Unknown
		text += ". " + op.advice()
	case codes.Unavailable:
		e.RetryAfter = switchoverDelay
	}
	e.text = fmt.Sprintf("%v %s: %s (retcode %s).", op, e.Outcome.words(), text, e.Retcode)
	if e.GatewayMessage != "" {
		e.text += fmt.Sprintf(" The CC-Gateway said %q.", e.GatewayMessage)
	}
	return e
}

// The errors of a call that is to be confirmed by an event.

func (op operation) noEventSource() *Error {
	return op.lost(nil, codes.FailedPrecondition, "NO_EVENT_SOURCE",
		"nothing was sent, as no event could confirm it: nobody watches this agent here with this GUID, or "+
			"the watch gets no answer at present. Call WatchAgentEvents first, or leave confirm_within out")
}

func (op operation) confirmationUnderWay() *Error {
	return op.lost(nil, codes.Aborted, "CONFIRMATION_UNDER_WAY",
		"nothing was sent, as a call on the same participant awaits its event, and events do not "+
			"say which call they belong to. Wait for that call to return")
}

// failedLater is for an accepted call of which the event says that it failed.
func (op operation) failedLater(result int32) *Error {
	return op.lost(nil, codes.FailedPrecondition, "OPERATION_FAILED",
		fmt.Sprintf("the CC-Gateway accepted it, and its event says that it failed (result %d)", result))
}

func (op operation) unconfirmed(code codes.Code, why string, cause error) *Error {
	return op.lost(cause, code, notConfirmed, "the CC-Gateway accepted it, but "+why+". "+op.advice())
}

func (o Outcome) words() string {
	if o == NotApplied {
		return "was not applied"
	}
	return "may have been applied"
}

// redact takes out of a gateway's text what the request said in confidence.
func (op operation) redact(s string) string {
	shown := map[string]string{}
	for _, secret := range op.secrets {
		shown[secret] = "…"
	}
	shown[op.target.Address] = op.target.shown()
	delete(shown, "")
	var pairs []string
	for _, secret := range slices.SortedFunc(maps.Keys(shown), longerFirst) {
		for _, written := range writings(secret) {
			pairs = append(pairs, written, shown[secret])
		}
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// longerFirst is for secrets of which one begins another.
func longerFirst(a, b string) int { return len(b) - len(a) }

// writings are the ways in which a gateway may repeat s: as it is or as it came in JSON,
// and either in a URL.
func writings(s string) (all []string) {
	quoted, err := json.Marshal(s)
	if err != nil { // of a string, there is none
		panic(err)
	}
	for _, text := range []string{s, string(quoted[1 : len(quoted)-1])} {
		all = append(all, text, url.QueryEscape(text), url.PathEscape(text))
	}
	return all
}

// printable bounds what an unknown peer says, so that it fits into a trailer and
// onto one line.
func printable(s string, most int) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if runes := []rune(clean); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return clean
}
