package operation

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"

	"agentconf/server/internal/outcome"
)

const (
	agentIDMin   = 101 // page 0473
	maxGUIDBytes = 256
)

// Violations collects everything that is wrong with one request.
type Violations []outcome.Violation

// Add adds a violation. Its text must not repeat the value of the field.
func (v *Violations) Add(field, format string, args ...any) {
	*v = append(*v, outcome.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
}

// AgentID checks an agent ID of at most highest.
func (v *Violations) AgentID(field, id string, highest int) {
	n, _ := strconv.Atoi(id)
	if !isAgentID(id) || n < agentIDMin || n > highest {
		v.Add(field, "must be decimal digits without a leading zero, %d to %d", agentIDMin, highest)
	}
}

// AgentNumber checks the ID of another agent, which is a number.
func (v *Violations) AgentNumber(field string, n, highest int32) {
	v.Number(field, n, agentIDMin, highest)
}

// isAgentID reports whether id has the form of an agent ID, whatever its range. A
// regular expression would take a good part of the time of a hold.
func isAgentID(id string) bool {
	return len(id) >= 3 && len(id) <= 6 && id[0] != '0' && IsDigits(id)
}

// IsDigits reports whether s is one or more decimal digits.
func IsDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// Number checks a required whole number.
func (v *Violations) Number(field string, n, low, high int32) {
	if n < low || n > high {
		v.Add(field, "must be %d to %d", low, high)
	}
}

// Optional checks a whole number that may be left out.
func (v *Violations) Optional(field string, n *int32, low, high int32) {
	if n != nil && (*n < low || *n > high) {
		v.Add(field, "must be %d to %d, or left out", low, high)
	}
}

// Text checks a string of least to most characters.
func (v *Violations) Text(field, s string, least, most int) {
	if n := utf8.RuneCountInString(s); n < least || n > most || strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s) {
		v.Add(field, "must be %d to %d characters, none of them a control character", least, most)
	}
}

// Count checks the length of a list.
func (v *Violations) Count(field string, n, most int) {
	if n < 1 || n > most {
		v.Add(field, "must have 1 to %d entries", most)
	}
}

// GUID returns the caller's session GUID, from the metadata guid.
func GUID(ctx context.Context, operation string) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "guid")
	if len(values) == 0 || values[0] == "" && len(values) == 1 {
		return "", outcome.MissingGUID(operation)
	}
	guid := values[0]
	switch {
	case len(values) > 1:
		return "", outcome.MalformedGUID(operation, "it was sent more than once; send the newest only")
	case strings.Contains(guid, "="):
		return "", outcome.MalformedGUID(operation, "the GUID is the part behind the = of Set-GUID: JSESSIONID=GUID; send that part alone")
	case len(guid) > maxGUIDBytes:
		return "", outcome.MalformedGUID(operation, fmt.Sprintf("it is longer than %d bytes", maxGUIDBytes))
	case strings.ContainsFunc(guid, isInvisible):
		return "", outcome.MalformedGUID(operation, "it has a character that is not visible ASCII")
	}
	return guid, nil
}

func isInvisible(r rune) bool { return r < '!' || r > '~' }
