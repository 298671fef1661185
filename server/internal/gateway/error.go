package gateway

import (
	"encoding/json"
	"fmt"
)

// Kind says how far a failed call came.
type Kind int

const (
	// NotSent: no byte of the request was written. It did not happen.
	NotSent Kind = iota + 1

	// Refused: the gateway answered with a retcode other than "0".
	Refused

	// TimedOut: time ran out after the request was, at least partly, written.
	TimedOut

	// Broken: the connection broke after the request was, at least partly,
	// written, or what came back is not an answer of the gateway.
	Broken
)

func (k Kind) String() string {
	switch k {
	case NotSent:
		return "not sent"
	case Refused:
		return "refused"
	case TimedOut:
		return "timed out"
	case Broken:
		return "broken"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Error is the error of every failed call. Its text is for logs: it holds
// neither the GUID nor anything of the body.
type Error struct {
	Kind Kind

	// Retcode, Message and Result are the gateway's, when it refused. They are not
	// bounded and may repeat what the request said.
	Retcode string
	Message string
	Result  json.RawMessage // nil if there was none

	// Err is the cause. It is context.Canceled when the caller gave up.
	Err error
}

func (e *Error) Error() string {
	if e.Kind == Refused {
		return e.Kind.String() // with what, may repeat the request
	}
	return fmt.Sprintf("%v: %v", e.Kind, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
