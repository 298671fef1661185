package operation

import (
	"maps"
	"slices"

	"google.golang.org/grpc/codes"

	"agentconf/server/internal/outcome"
)

// meaning is what a retcode other than "0" means to a caller.
type meaning struct {
	code   codes.Code
	reason outcome.Reason
	text   string // the case, and the next action
}

// kind returns the kind of error that the retcode stands for. A code other than
// UNKNOWN says that the operation did not happen.
//
// The retcodes of exceptions in the gateway have UNKNOWN: no page says whether an
// exception can follow the effect of the operation.
func (m meaning) kind() outcome.Kind {
	k := outcome.Kind{Code: m.code, Reason: m.reason, Outcome: outcome.NotApplied, Meaning: m.text}
	if m.code == codes.Unknown {
		k.Outcome = outcome.Unknown
	}
	return k
}

// meanings holds the retcodes that concern a session or a conference and whose
// meaning the official error table gives (page 0580).
//
// Retcodes of other interfaces, and those known only from demos, are missing on
// purpose: a gateway has no reason to answer them to a conference operation, so that
// such an answer does not say whether the operation happened. A row stays on one line.
var meanings = map[string]meaning{
	"000-000": {codes.Unknown, "GATEWAY_EXCEPTION", "the CC-Gateway reports an unknown error"},
	"000-001": {codes.FailedPrecondition, "WRONG_EVENT_CHANNEL", "events of this agent are fetched in another way; use the one chosen at sign-in"},
	"000-002": {codes.InvalidArgument, "REJECTED_ARGUMENT", "the CC-Gateway rejects an argument; check that participant, file and agent exist"},
	"000-003": {codes.Unauthenticated, "SIGN_IN_REQUIRED", "the GUID is wrong or has expired; use the newest one, or sign in again"},
	"000-004": {codes.Unavailable, "SWITCHING_OVER", "the agent is being moved to another server; wait and try again"},
	"000-005": {codes.FailedPrecondition, "SELF_INSPECTION", "an inspector cannot inspect itself"},
	"000-006": {codes.InvalidArgument, "REJECTED_ARGUMENT", "the CC-Gateway rejects an argument; check that participant, file and agent exist"},
	"000-007": {codes.Aborted, "REPEATED_CALL", "the same call of this agent is still under way; wait for its answer"},

	"100-001": {codes.InvalidArgument, "REJECTED_ARGUMENT", "a sign-in argument is missing or wrong"},
	"100-002": {codes.FailedPrecondition, "ALREADY_SIGNED_IN", "the agent is signed in already; sign out, or force the sign-in"},
	"100-003": {codes.FailedPrecondition, "SIGN_IN_RESOURCE_MISSING", "a resource needed for signing in is not available; ask the operator of the CC-Gateway"},
	"100-004": {codes.Unauthenticated, "WRONG_CREDENTIALS", "user name or password is wrong"},
	"100-005": {codes.InvalidArgument, "REJECTED_ARGUMENT", "a sign-out argument is wrong"},
	"100-006": {codes.Unauthenticated, "SIGN_IN_REQUIRED", "the agent is not signed in; sign in first"},
	"100-007": {codes.Unknown, "GATEWAY_EXCEPTION", "the operation raised an exception in the CC-Gateway"},
	"100-008": {codes.FailedPrecondition, "ALREADY_SIGNED_OUT", "the agent has signed out; sign in first"},
	"100-009": {codes.FailedPrecondition, "AGENT_STATE_NOT_SET", "the agent's state could not be set; check the agent's rights"},
	"100-010": {codes.FailedPrecondition, "WRONG_STATE_FOR_SIGN_OUT", "the agent cannot sign out in its present state; end the call first"},
	"100-011": {codes.InvalidArgument, "REJECTED_ARGUMENT", "a sign-in argument is not valid"},
	"100-012": {codes.InvalidArgument, "REJECTED_ARGUMENT", "the agent type is wrong for this agent"},
	"100-013": {codes.FailedPrecondition, "INVALID_PHONE", "the phone to bind is not valid; check its number"},
	"100-014": {codes.FailedPrecondition, "PHONE_OUT_OF_RANGE", "the phone to bind is outside the configured range"},
	"100-015": {codes.FailedPrecondition, "NOT_DISPLACEABLE", "the agent is signed in elsewhere and may not be displaced"},
	"100-016": {codes.InvalidArgument, "REJECTED_ARGUMENT", "the sign-in IP address is wrong"},
	"100-017": {codes.Unauthenticated, "UPORTAL_REJECTED", "uPortal did not authenticate the agent"},
	"100-018": {codes.FailedPrecondition, "VDN_MISMATCH", "the VDN of the sign-in and that of the playback differ"},
	"100-019": {codes.InvalidArgument, "REJECTED_ARGUMENT", "a skill queue argument is wrong"},
	"100-020": {codes.FailedPrecondition, "PASSWORD_EXPIRED", "the agent's password has expired; change it"},
	"100-021": {codes.Aborted, "SIGN_IN_IN_PROGRESS", "a sign-in of this agent is under way; wait for its answer"},

	"101-001": {codes.FailedPrecondition, "NO_CONFERENCE", "the agent has no conference; request one and wait for AgentConf_RequestSuccess"},
	"101-002": {codes.PermissionDenied, "NOT_CHAIRPERSON", "the agent is not the chairperson of the conference; only the chairperson may do this"},
	"101-003": {codes.FailedPrecondition, "ALREADY_IN_CONFERENCE", "the agent is in a conference already; leave or release that one first"},
	"101-004": {codes.PermissionDenied, "NOT_INSPECTOR", "only an inspector may query the conferences of the VDN"},
	"101-005": {codes.FailedPrecondition, "ALREADY_CHAIRPERSON", "the chairperson cannot hand the role to itself; name another agent"},
	"101-006": {codes.FailedPrecondition, "CHAIRPERSON_NOT_REMOVABLE", "the chairperson cannot remove itself; hand the role over or release the conference"},
	"101-007": {codes.FailedPrecondition, "CHAIRPERSON_CANNOT_LEAVE", "the chairperson cannot leave; hand the role over or release the conference"},

	"105-001": {codes.Unauthenticated, "SIGN_IN_REQUIRED", "the CC-Gateway no longer knows the agent; sign in again"},
	"105-002": {codes.Unavailable, "SWITCHING_OVER", "the agent is in disaster recovery; wait and try again"},
	"105-003": {codes.FailedPrecondition, "RECOVERY_FINISHED", "disaster recovery of the agent has ended; continue as usual"},
	"105-004": {codes.FailedPrecondition, "RECOVERY_NOT_QUEUED", "the agent could not be queued for disaster recovery; sign in again"},
	"105-005": {codes.Unauthenticated, "SIGN_IN_REQUIRED", "disaster recovery took too long; sign in again"},
	"105-006": {codes.Unauthenticated, "SIGN_IN_REQUIRED", "the GUID changed in disaster recovery; sign in again"},
	"105-007": {codes.Unauthenticated, "SIGN_IN_REQUIRED", "disaster recovery is switched off; sign in again"},

	"110-016": {codes.PermissionDenied, "ACCOUNT_LOCKED", "the account is locked; ask its administrator"},
}

// unmapped is the meaning of every retcode that is not in meanings.
var unmapped = meaning{
	codes.Unknown, "UNMAPPED_RETCODE", "the CC-Gateway answered with a retcode that does not say what happened",
}

// Retcode describes a retcode for docs/errors.md.
type Retcode struct {
	Retcode string
	outcome.Kind
}

// Retcodes returns all retcodes with a meaning in ascending order, and last "any other".
func Retcodes() []Retcode {
	var all []Retcode
	for _, retcode := range slices.Sorted(maps.Keys(meanings)) {
		m := meanings[retcode]
		all = append(all, Retcode{retcode, m.kind()})
	}
	return append(all, Retcode{"any other", unmapped.kind()})
}
