package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
)

// errPanicked is the error of a goroutine that has panicked, which has a log record.
var errPanicked = errors.New("agentconf itself failed")

// Kind is how far a failed call came. After NotSent, the gateway has surely not executed the
// request. After Refused, that depends on the retcode. After the others, nobody knows.
type Kind int

const (
	// NotSent: no byte of the request was written, so the gateway did not execute it.
	NotSent Kind = iota + 1

	// Refused: the gateway replied with a retcode other than "0".
	Refused

	// TimedOut: the time ran out after at least one byte of the request was written.
	TimedOut

	// Broken: at least one byte of the request was written. Then the connection broke, or
	// the reply was not one of the gateway.
	Broken
)

var kindNames = [...]string{NotSent: "not sent", Refused: "refused", TimedOut: "timed out", Broken: "broken"}

// String implements fmt.Stringer.
func (k Kind) String() string { return kindNames[k] }

// Error is the error of every failed call. Its text is for logs: it contains neither the
// GUID nor any part of the body.
type Error struct {
	Kind Kind

	// Retcode, Message and Result come from the gateway if it refused the request. They
	// have no length limit, and may repeat parts of the request.
	Retcode string
	Message string
	Result  json.RawMessage // nil if the reply had none

	// Err is the cause. It is context.Canceled if the caller cancelled the call.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Kind == Refused {
		return e.Kind.String() // the gateway's message may repeat the request
	}
	return fmt.Sprintf("%v: %v", e.Kind, e.Err)
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }
