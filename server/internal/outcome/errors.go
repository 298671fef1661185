package outcome

import (
	"cmp"
	"fmt"
	"time"
)

// LookFirst is the advice after an unknown outcome of a conference operation.
const LookFirst = "Look at the conference before repeating anything"

// Calls are short: a second after an overload, most calls in flight have ended, and
// the rate limit counts anew.
const retryAfter = time.Second

// Invalid returns the error of a request with wrong fields. operation is empty if
// it is not known.
func Invalid(operation string, violations ...Violation) *Error {
	text := cmp.Or(operation, "The call") + " was not applied, the request is wrong"
	e := InvalidArgument.Error(operation, text, nil)
	e.Violations = violations
	return e
}

// Unsupported returns the error of a request whose body is in a form that agentconf does not
// read. operation is empty if it is not known.
func Unsupported(operation string, violations ...Violation) *Error {
	e := Invalid(operation, violations...)
	e.Reason = UnsupportedMedia.Reason
	return e
}

// ForeignOrigin returns the error of a request that a browser sent for a page of an origin that
// may not call.
func ForeignOrigin() *Error {
	return CrossOrigin.Error("", "The call was not applied: it comes from a page of another origin. "+
		"The operator can allow the origin by --cors-origin.", nil)
}

// NoOperation returns the error of a path or method that no operation has. text
// says what is wrong and what would be right.
func NoOperation(text string) *Error { return NoSuchOperation.Error("", text, nil) }

// Overload returns the error of a call beyond the limit of calls in flight.
func Overload(operation string) *Error {
	e := Overloaded.Error(operation, operation+" was not applied: "+
		"too many calls are in flight at this agentconf. Wait and try again, or call another one.", nil)
	e.RetryAfter = retryAfter
	return e
}

// RateExceeded returns the error of a call beyond the rate limit. what names the calls that
// count together.
func RateExceeded(operation, what string) *Error {
	e := AgentRateExceeded.Error(operation, operation+" was not applied: "+
		"there are too many "+what+" in this second. Wait a second and try again.", nil)
	e.RetryAfter = retryAfter
	return e
}

// Stop returns the error that ends a watch when the process stops, and that refuses
// a new watch or poll.
func Stop() *Error { return Stopping.Error("", "agentconf is stopping; reconnect.", nil) }

// Fault returns the error of a fault in agentconf itself, such as a panic. Its
// outcome is unknown, since the fault may have come after the request was sent.
func Fault(operation string, cause error) *Error {
	return Internal.Error(operation, cmp.Or(operation, "The call")+
		" may have been applied: agentconf has failed; its log has the cause. "+LookFirst+".", cause)
}

// MissingGUID returns the error of a call without a GUID.
func MissingGUID(operation string) *Error {
	return GUIDMissing.Error(operation, operation+" was not applied: the GUID is missing. "+
		"Send the GUID of the agent's sign-in as metadata guid (over HTTP: header Guid).", nil)
}

// MalformedGUID returns the error of a call whose GUID cannot be one. why must not repeat
// the GUID.
func MalformedGUID(operation, why string) *Error {
	text := fmt.Sprintf("%s was not applied: the GUID is malformed: %s.", operation, why)
	return GUIDMalformed.Error(operation, text, nil)
}
