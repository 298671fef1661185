package outcome

import "google.golang.org/grpc/codes"

// Reason is the reason of a google.rpc.ErrorInfo, in capitals and at most 63 characters, as
// AIP-193 asks. Clients may key on it. Several kinds share a reason if a client does the same
// about them.
type Reason string

// Kind is one way in which a call fails: a row of the table in docs/errors.md. The
// failures that a retcode of the gateway stands for are in package operation.
type Kind struct {
	Code    codes.Code
	Reason  Reason
	Outcome Outcome
	Meaning string // for docs/errors.md
}

var kinds []Kind

// Kinds returns all kinds, in the order of the documentation. The slice must not be changed.
func Kinds() []Kind { return kinds }

func newKind(code codes.Code, reason Reason, o Outcome, meaning string) Kind {
	k := Kind{code, reason, o, meaning}
	kinds = append(kinds, k)
	return k
}

// Failures before a request is sent to the gateway. UNAVAILABLE with one of these reasons
// is safe to retry.
var (
	InvalidArgument = newKind(codes.InvalidArgument, "INVALID_ARGUMENT", NotApplied,
		"fields are wrong; `google.rpc.BadRequest` names each")
	GUIDMissing = newKind(codes.Unauthenticated, "GUID_MISSING", NotApplied,
		"the call has no GUID")
	GUIDMalformed = newKind(codes.Unauthenticated, "GUID_MALFORMED", NotApplied,
		"the GUID has not the form of one")
	NoSuchOperation = newKind(codes.Unimplemented, "NO_SUCH_OPERATION", NotApplied,
		"no operation has this RPC, path or method (HTTP 404 or 405)")
	UnsupportedMedia = newKind(codes.InvalidArgument, "UNSUPPORTED_MEDIA_TYPE", NotApplied,
		"the body is not plain JSON by its `Content-Type` or `Content-Encoding` (HTTP 415)")
	CrossOrigin = newKind(codes.PermissionDenied, "CROSS_ORIGIN", NotApplied,
		"a browser sent the request for a page whose origin `--cors-origin` does not list")
	Overloaded = newKind(codes.ResourceExhausted, "OVERLOADED", NotApplied,
		"too many calls are in flight, or watches open, at this agentconf; `google.rpc.RetryInfo` says how long to wait")
	AgentRateExceeded = newKind(codes.ResourceExhausted, "AGENT_RATE_EXCEEDED", NotApplied,
		"too many calls with one GUID in a second, or sign-ins of one agent; `google.rpc.RetryInfo` says how long to wait")
	GatewayUnreachable = newKind(codes.Unavailable, "GATEWAY_UNREACHABLE", NotApplied,
		"no connection to the gateway could be opened; nothing was sent")
	CircuitOpen = newKind(codes.Unavailable, "CIRCUIT_OPEN", NotApplied,
		"the last attempts to reach the gateway failed, so none was made; "+
			"`google.rpc.RetryInfo` says how long to wait")
	CallCancelled = newKind(codes.Canceled, "CALL_CANCELLED", NotApplied,
		"the caller cancelled before anything was sent, or cancelled a watch")
)

// Failures after a request was sent to the gateway. None has the code UNAVAILABLE, which
// clients retry by themselves.
var (
	AnswerTimedOut = newKind(codes.DeadlineExceeded, "OUTCOME_UNKNOWN", Unknown,
		"the request was sent, and no answer came in time")
	AnswerLost = newKind(codes.Unknown, "OUTCOME_UNKNOWN", Unknown,
		"the request was sent, and the connection broke or the answer was not a gateway's")
	AnswerAbandoned = newKind(codes.Canceled, "OUTCOME_UNKNOWN", Unknown,
		"the caller cancelled after the request was sent")
	Internal = newKind(codes.Internal, "INTERNAL", Unknown,
		"agentconf itself failed")
)

// Failures of a call with confirm_within. The outcome is unknown if the event is missing:
// the gateway's own reply says only that it accepted the operation.
var (
	NoEventSource = newKind(codes.FailedPrecondition, "NO_EVENT_SOURCE", NotApplied,
		"nobody watches the agent here, so no event could confirm the call; nothing was sent")
	ConfirmationUnderWay = newKind(codes.Aborted, "CONFIRMATION_UNDER_WAY", NotApplied,
		"another call waits for an event of the same participant; nothing was sent")
	OperationFailed = newKind(codes.FailedPrecondition, "OPERATION_FAILED", NotApplied,
		"the gateway accepted the operation, and its event says that it failed")
	EventTimedOut = newKind(codes.DeadlineExceeded, "NOT_CONFIRMED", Unknown,
		"the gateway accepted the operation, and its event did not come in time")
	EventAbandoned = newKind(codes.Canceled, "NOT_CONFIRMED", Unknown,
		"the gateway accepted the operation, and the caller cancelled before its event came")
	EventLost = newKind(codes.Unknown, "NOT_CONFIRMED", Unknown,
		"the gateway accepted the operation, and no event can tell what became of it: the agent "+
			"was signed out or has left the conference, or agentconf stops")
	ParticipantLeft = newKind(codes.FailedPrecondition, "PARTICIPANT_LEFT", NotApplied,
		"the gateway accepted the operation, and the participant left, or the conference ended, before it took effect")
)

// Ends of a watch.
var (
	Stopping = newKind(codes.Unavailable, "STOPPING", NotApplied,
		"this agentconf stops: it takes no new watch or poll, and ends the watches it has")
	GUIDStale = newKind(codes.Unauthenticated, "GUID_STALE", NotApplied,
		"the agent is watched with another, newer GUID")
	WatcherTooSlow = newKind(codes.ResourceExhausted, "WATCHER_TOO_SLOW", NotApplied,
		"the watcher did not read its messages")
	WatchTimedOut = newKind(codes.DeadlineExceeded, "WATCH_TIMED_OUT", NotApplied,
		"the deadline of a watch or of a poll has passed; the next one continues")
	SessionEnded = newKind(codes.Unauthenticated, "SIGN_IN_REQUIRED", NotApplied,
		"the agent signed out, or signed in again")
)

// Error returns an error of kind k. operation is the gateway's method name, or empty. text
// is for people; cause may be nil.
func (k Kind) Error(operation, text string, cause error) *Error {
	return &Error{
		Code: k.Code, Reason: k.Reason, Outcome: k.Outcome, Operation: operation, Text: text, Cause: cause,
	}
}
