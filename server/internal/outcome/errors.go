package outcome

import (
	"cmp"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
)

// LookFirst is the advice after an unknown outcome of a conference operation.
const LookFirst = "Look at the conference before repeating anything"

// overloadDelay is how long a caller should wait after an Overload. Calls are
// short: after a second most of those under way have ended.
const overloadDelay = time.Second

// Invalid returns the error of a request with wrong fields. operation is empty if
// it is not known.
func Invalid(operation string, violations ...Violation) *Error {
	return &Error{
		Code: codes.InvalidArgument, Reason: InvalidArgument, Outcome: NotApplied, Operation: operation,
		Violations: violations,
		Text:       cmp.Or(operation, "The call") + " was not applied, the request is wrong",
	}
}

// NoOperation returns the error of a path or method that no operation has. text
// says what is wrong and what would be right.
func NoOperation(text string) *Error {
	return &Error{Code: codes.Unimplemented, Reason: NoSuchOperation, Outcome: NotApplied, Text: text}
}

// Overload returns the error of a call beyond the limit of calls in flight.
func Overload(operation string) *Error {
	return &Error{
		Code: codes.ResourceExhausted, Reason: Overloaded, Outcome: NotApplied, Operation: operation,
		RetryAfter: overloadDelay,
		Text:       operation + " was not applied: too many calls are in flight at this agentconf. Wait and try again, or call another one.",
	}
}

// RateExceeded returns the error of a call beyond the rate limit of an agent.
func RateExceeded(operation, agent string) *Error {
	return &Error{
		Code: codes.ResourceExhausted, Reason: AgentRateExceeded, Outcome: NotApplied, Operation: operation,
		RetryAfter: time.Second,
		Text:       operation + " was not applied: there are too many calls for agent " + agent + ". Wait a second and try again.",
	}
}

// Stop returns the error that ends a watch when the process stops, and that
// refuses a new watch or poll.
func Stop() *Error {
	return &Error{Code: codes.Unavailable, Reason: Stopping, Outcome: NotApplied, Text: "agentconf is stopping; reconnect."}
}

// Fault returns the error of a fault in agentconf itself, such as a panic. Its
// outcome is unknown, since the fault may have come after the request was sent.
func Fault(operation string, cause error) *Error {
	return &Error{
		Code: codes.Internal, Reason: Internal, Outcome: Unknown, Operation: operation,
		Text:  cmp.Or(operation, "The call") + " may have been applied: agentconf has failed; its log has the cause. " + LookFirst + ".",
		Cause: cause,
	}
}

// MissingGUID returns the error of a call without a GUID.
func MissingGUID(operation string) *Error {
	return &Error{
		Code: codes.Unauthenticated, Reason: GUIDMissing, Outcome: NotApplied, Operation: operation,
		Text: operation + " was not applied: the GUID is missing. " +
			"Send the GUID of the agent's sign-in as metadata guid (over HTTP: header Guid).",
	}
}

// MalformedGUID returns the error of a call whose GUID cannot be one.
func MalformedGUID(operation, why string) *Error {
	return &Error{
		Code: codes.Unauthenticated, Reason: GUIDMalformed, Outcome: NotApplied, Operation: operation,
		Text: fmt.Sprintf("%s was not applied: the GUID is malformed: %s.", operation, why),
	}
}
