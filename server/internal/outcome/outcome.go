// Package outcome is the error model of agentconf. After every call the caller
// knows one of three things: the operation was applied, it was not applied, or
// its outcome is unknown.
//
// Every error that leaves agentconf is an Error of this package, whatever front
// the call came by. The package imports nothing else of agentconf.
package outcome

// Domain is the domain of every google.rpc.ErrorInfo.
const Domain = "agentconf"

// Success is the retcode of an operation that the gateway accepted.
const Success = "0"

// Outcome is what is known of the effect of a call. An Error is NotApplied or
// Unknown.
type Outcome string

const (
	// Applied means that the gateway accepted the operation.
	Applied Outcome = "applied"
	// NotApplied means that the operation did not happen, so that it may be called again.
	NotApplied Outcome = "not_applied"
	// Unknown means that the operation may have happened.
	Unknown Outcome = "unknown"
)

// Phrase returns the verb phrase for the text of an Error: "was not applied" or "may have
// been applied".
func (o Outcome) Phrase() string {
	if o == NotApplied {
		return "was not applied"
	}
	return "may have been applied"
}
