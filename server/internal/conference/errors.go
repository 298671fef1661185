package conference

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/server/internal/gateway"
)

// Domain is the domain of every google.rpc.ErrorInfo.
const Domain = "agentconf"

// overloadDelay is how long a caller should wait who came when too many calls were
// under way. They are short; a second sees most of them end.
const overloadDelay = time.Second

// Success is the retcode of a call that the gateway accepted.
const Success = gateway.Success

// Outcome is what is known of the effect of a call. Errors have one of the last two.
type Outcome string

const (
	// Applied: the gateway accepted the operation.
	Applied Outcome = "applied"
	// NotApplied: the operation did not happen.
	NotApplied Outcome = "not_applied"
	// Unknown: it may have happened.
	Unknown Outcome = "unknown"
)

// Error is how every failed call ends, on all fronts. Its text is for people and
// holds no GUID, phone number or voice path; the cause is for the log alone.
type Error struct {
	Code      codes.Code
	Reason    string
	Outcome   Outcome
	Operation string // empty if the request named none

	// Retcode, GatewayMessage and GatewayResult are the gateway's, when it refused the
	// call. The result is nil if there was none.
	Retcode        string
	GatewayMessage string
	GatewayResult  json.RawMessage

	Violations []Violation
	RetryAfter time.Duration // zero if waiting does not help

	text  string
	cause error
}

func (e *Error) Error() string {
	if len(e.Violations) == 0 {
		return e.text
	}
	faults := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		faults[i] = v.Field + " " + v.Description
	}
	return e.text + ": " + strings.Join(faults, "; ") + "."
}

func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus is the error as every gRPC client can read it.
func (e *Error) GRPCStatus() *status.Status {
	info := &errdetails.ErrorInfo{
		Reason:   e.Reason,
		Domain:   Domain,
		Metadata: map[string]string{"outcome": string(e.Outcome)},
	}
	if e.Operation != "" {
		info.Metadata["operation"] = e.Operation
	}
	if e.Retcode != "" {
		info.Metadata["retcode"] = e.Retcode
	}
	details := []protoadapt.MessageV1{info}
	if len(e.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range e.Violations {
			bad.FieldViolations = append(bad.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
		}
		details = append(details, bad)
	}
	if e.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	st, err := status.New(e.Code, e.Error()).WithDetails(details...)
	if err != nil { // only for code OK, which no Error has
		panic(err)
	}
	return st
}

// InvalidArgument is the error of a request with wrong fields. The operation is empty if
// it is not known.
func InvalidArgument(operation string, violations ...Violation) *Error {
	return &Error{
		Code:       codes.InvalidArgument,
		Reason:     "INVALID_ARGUMENT",
		Outcome:    NotApplied,
		Operation:  operation,
		Violations: violations,
		text:       cmp.Or(operation, "The call") + " was not applied, the request is wrong",
	}
}

// NoSuchOperation is the error of a path or an HTTP method that leads nowhere.
// The text says what is wrong and what would be right.
func NoSuchOperation(text string) *Error {
	return &Error{Code: codes.Unimplemented, Reason: "NO_SUCH_OPERATION", Outcome: NotApplied, text: text}
}

// Overloaded is the error of a call beyond those that this process takes at once.
func Overloaded(operation string) *Error {
	return &Error{
		Code: codes.ResourceExhausted, Reason: "OVERLOADED", Outcome: NotApplied, Operation: operation,
		RetryAfter: overloadDelay,
		text:       operation + " was not applied: too many calls are under way at this agentconf. Wait and try again, or ask another one.",
	}
}

// TooFast is the error of a call beyond those that are taken for one agent in a second.
func TooFast(operation, agent string) *Error {
	return &Error{
		Code: codes.ResourceExhausted, Reason: "AGENT_RATE_EXCEEDED", Outcome: NotApplied, Operation: operation,
		RetryAfter: time.Second,
		text:       operation + " was not applied: there are too many calls for agent " + agent + ". Wait a second and try again.",
	}
}

// Stopping is how a watch ends when this process does, and how one, or a poll, is
// refused then.
func Stopping() *Error {
	return &Error{Code: codes.Unavailable, Reason: "STOPPING", Outcome: NotApplied, text: "agentconf is stopping; reconnect."}
}

// Internal is the error of a fault in this service, such as a panic. As nobody
// can tell how far the call came, its outcome is unknown.
func Internal(operation string, cause error) *Error {
	return &Error{
		Code:      codes.Internal,
		Reason:    "INTERNAL",
		Outcome:   Unknown,
		Operation: operation,
		text:      cmp.Or(operation, "The call") + " may have been applied: agentconf met a fault of its own, which is in its log. " + lookFirst,
		cause:     cause,
	}
}

func guidMissing(operation string) *Error {
	return &Error{
		Code:      codes.Unauthenticated,
		Reason:    "GUID_MISSING",
		Outcome:   NotApplied,
		Operation: operation,
		text: operation + " was not applied: the GUID is missing. " +
			"Send the one of the agent's sign-in as metadata guid (over HTTP: header Guid).",
	}
}

func guidMalformed(operation, why string) *Error {
	return &Error{
		Code:      codes.Unauthenticated,
		Reason:    "GUID_MALFORMED",
		Outcome:   NotApplied,
		Operation: operation,
		text:      operation + " was not applied: the GUID is malformed: " + why + ".",
	}
}

// watchError is the error that ends a watch, or lets none begin.
func watchError(agentID string, code codes.Code, reason, text string, cause error) *Error {
	const name = "watchAgentEvents"
	return &Error{
		Code: code, Reason: reason, Outcome: NotApplied, Operation: name,
		text: "The watch of agent " + agentID + " " + text + ".", cause: cause,
	}
}

func guidStale(agentID string) *Error {
	return watchError(agentID, codes.Unauthenticated, "GUID_STALE",
		"was refused: it is watched with another GUID. Show the present one, or get a new one by UpdateGuid",
		errors.New("another GUID is present"))
}

func outOfRange(agentID string) *Error {
	return watchError(agentID, codes.OutOfRange, "SEQUENCE_NOT_KEPT",
		"was refused: the events after that sequence are not kept here. Query the conference, and watch without after_sequence", nil)
}

func tooSlow(agentID string) *Error {
	return watchError(agentID, codes.ResourceExhausted, "WATCHER_TOO_SLOW",
		"ended: this watcher does not take its messages. Come back with the last sequence as after_sequence", nil)
}

func watcherGone(agentID string, cause error) *Error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return watchError(agentID, codes.DeadlineExceeded, "WATCH_TIMED_OUT",
			"ended: the caller's deadline has passed", cause)
	}
	return watchError(agentID, codes.Canceled, "CALL_CANCELLED", "ended: the caller gave up", cause)
}

// watchEnded is the end of a watch whose agent is signed out; why is what a poll
// was answered, if it was a poll that found out.
func watchEnded(agentID string, why *Error) *Error {
	if why == nil {
		return watchError(agentID, codes.Unauthenticated, "SIGN_IN_REQUIRED",
			"ended: the agent has signed out, or in anew; watch again with the GUID of the new sign-in", nil)
	}
	e := watchError(agentID, why.Code, why.Reason, "ended: "+why.Error(), why.Unwrap())
	e.Retcode, e.GatewayMessage = why.Retcode, why.GatewayMessage
	return e
}
