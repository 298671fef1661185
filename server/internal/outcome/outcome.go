// Package outcome is the error model of agentconf. After every call the caller
// knows one of three things: the operation was applied, it was not applied, or
// its outcome is unknown.
//
// Every error that leaves agentconf is an Error of this package, whatever front
// the call came by. The package imports nothing else of agentconf.
package outcome

import (
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
)

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

// codeNames are the names of the gRPC codes in the spelling of the gRPC documentation.
var codeNames = func() (names [codes.Unauthenticated + 1]string) {
	wordEnd := regexp.MustCompile(`([a-z])([A-Z])`)
	for c := range names {
		name := strings.ToUpper(wordEnd.ReplaceAllString(codes.Code(c).String(), "${1}_${2}"))
		names[c] = strings.ReplaceAll(name, "CANCELED", "CANCELLED")
	}
	return names
}()

// CodeName returns the name of a gRPC code in the spelling of the gRPC documentation, such as
// PERMISSION_DENIED.
func CodeName(c codes.Code) string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return c.String()
}
