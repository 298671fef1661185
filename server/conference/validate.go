package conference

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"
)

const (
	agentIDMin      = 101
	maxAddressBytes = 24
	maxVoicePath    = 127 // characters
	maxGUIDBytes    = 256
)

var (
	agentIDPattern   = regexp.MustCompile(`^[1-9][0-9]{2,5}$`)
	voicePathPattern = regexp.MustCompile(`^[A-Za-z]:/conf/[0-9]+/[^/\\]+$`)
)

// Violation is one wrong field of a request. Neither part repeats its value.
type Violation struct {
	Field       string // as in the proto
	Description string // what it must be
}

// violations collects what is wrong with one request, so that a caller is told
// of everything at once.
type violations []Violation

func (v *violations) add(field, format string, args ...any) {
	*v = append(*v, Violation{field, fmt.Sprintf(format, args...)})
}

func (v *violations) agentID(id string, highest int) {
	n, _ := strconv.Atoi(id)
	if !agentIDPattern.MatchString(id) || n < agentIDMin || n > highest {
		v.add("agent_id", "must be decimal digits without a leading zero, %d to %d", agentIDMin, highest)
	}
}

func (v *violations) addressType(t string) {
	if t != phoneNumber && t != agentNumber {
		v.add("address_type", `must be "6" (phone number) or "9" (agent ID)`)
	}
}

func (v *violations) address(a string) {
	if a == "" || len(a) > maxAddressBytes || strings.ContainsFunc(a, blankOrControl) || !utf8.ValidString(a) {
		v.add("address", "must be 1 to %d bytes without blanks or control characters", maxAddressBytes)
	}
}

func (v *violations) playMode(m *int32) {
	if m != nil && *m != playFile {
		v.add("play_mode", "must be %d or left out", playFile)
	}
}

func (v *violations) voicePath(p string) {
	if !voicePathPattern.MatchString(p) || utf8.RuneCountInString(p) > maxVoicePath ||
		strings.Contains(p, "..") || strings.ContainsFunc(p, unicode.IsControl) || !utf8.ValidString(p) {
		v.add("voice_path", "must be a drive letter, :/conf/, VDN ID, / and file name, at most %d characters, "+
			"without .., backslash or control characters, such as y:/conf/120/wait.V3", maxVoicePath)
	}
}

func blankOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// guidOf is the session GUID of the caller, from the metadata guid.
func guidOf(ctx context.Context, operation string) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "guid")
	if len(values) == 0 || values[0] == "" && len(values) == 1 {
		return "", guidMissing(operation)
	}
	guid := values[0]
	switch {
	case len(values) > 1:
		return "", guidMalformed(operation, "it was sent more than once; send the newest only")
	case strings.Contains(guid, "="):
		return "", guidMalformed(operation, "the GUID is what stands behind the = of Set-GUID: JSESSIONID=GUID; send that part alone")
	case len(guid) > maxGUIDBytes:
		return "", guidMalformed(operation, fmt.Sprintf("it is longer than %d bytes", maxGUIDBytes))
	case strings.ContainsFunc(guid, notVisible):
		return "", guidMalformed(operation, "it has a character that is not visible ASCII")
	}
	return guid, nil
}

func notVisible(r rune) bool { return r < '!' || r > '~' }
