package operation

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"agentconf/server/internal/outcome"
)

// AgentIDMin is the lowest agent ID (page 0473). Options.AgentIDMax is the highest.
const AgentIDMin = 101

// Violations collects everything that is wrong with one request. Its methods check one
// field each, and add a violation that names the requirement.
type Violations []outcome.Violation

// Add adds a violation. Its text must not repeat the value of the field, which may be
// confidential.
func (v *Violations) Add(field, format string, args ...any) {
	*v = append(*v, outcome.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
}

// agentID checks the agent ID of a request. It becomes a part of the path to the gateway:
// only a canonical decimal number passes, so that no ID can change the path.
func (v *Violations) agentID(id string, highest int) {
	n, _ := strconv.Atoi(id)
	if !isAgentID(id) || n < AgentIDMin || n > highest {
		v.Add("agent_id", "must be decimal digits without a leading zero, %d to %d", AgentIDMin, highest)
	}
}

// isAgentID reports whether id has the form of an agent ID, whatever its range. A
// regular expression would take a good part of the time of a hold.
func isAgentID(id string) bool {
	return len(id) >= 3 && len(id) <= 6 && id[0] != '0' && IsDigits(id)
}

// IsDigits reports whether s is one or more ASCII digits.
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

// Text checks a string of least to most characters of valid UTF-8.
func (v *Violations) Text(field, s string, least, most int) {
	n := utf8.RuneCountInString(s)
	if n < least || n > most || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		v.Add(field, "must be %d to %d characters, none of them a control character", least, most)
	}
}

// Count checks the number of entries of a required list.
func (v *Violations) Count(field string, n, most int) {
	if n < 1 || n > most {
		v.Add(field, "must have 1 to %d entries", most)
	}
}
