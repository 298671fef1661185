package conference

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"
)

const (
	agentIDMin   = 101
	maxAddress   = 24  // bytes or characters, as the operation has it
	maxVoicePath = 127 // characters
	maxGUIDBytes = 256
)

var (
	tokenPattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{0,50}$`)
	skillsPattern = regexp.MustCompile(`^[0-9;]*$`)
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
	if !isAgentID(id) || n < agentIDMin || n > highest {
		v.add("agent_id", "must be decimal digits without a leading zero, %d to %d", agentIDMin, highest)
	}
}

// isAgentID reports whether id has the form of an agent ID, of whatever range. A
// regular expression would take a good part of the time that a hold spends here.
func isAgentID(id string) bool {
	return len(id) >= 3 && len(id) <= 6 && id[0] != '0' && isDigits(id)
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// number is for a required whole number.
func (v *violations) number(field string, n, low, high int32) {
	if n < low || n > high {
		v.add(field, "must be %d to %d", low, high)
	}
}

// optional is for a whole number that may be left out.
func (v *violations) optional(field string, n *int32, low, high int32) {
	if n != nil && (*n < low || *n > high) {
		v.add(field, "must be %d to %d, or left out", low, high)
	}
}

// text is for a string of so many characters.
func (v *violations) text(field, s string, least, most int) {
	if n := utf8.RuneCountInString(s); n < least || n > most || strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s) {
		v.add(field, "must be %d to %d characters, none of them a control character", least, most)
	}
}

func (v *violations) ipv4(field, s string) {
	if addr, err := netip.ParseAddr(s); s != "" && (err != nil || !addr.Is4()) {
		v.add(field, "must be an IPv4 address such as 127.0.0.1, or left out")
	}
}

func (v *violations) token(field, s string) {
	if !tokenPattern.MatchString(s) {
		v.add(field, "must be at most 50 letters, digits, -, _ or .")
	}
}

func (v *violations) skills(field, s string) {
	if !skillsPattern.MatchString(s) || len(s) > 4000 {
		v.add(field, "must be IDs of skills with ; between them, at most 4000 characters, such as 1;2;3")
	}
}

// count is for a list.
func (v *violations) count(field string, n, most int) {
	if n < 1 || n > most {
		v.add(field, "must have 1 to %d entries", most)
	}
}

// addressed is what names a participant in a request.
type addressed interface {
	GetAddressType() string
	GetAddress() string
}

// participant is for the one that an operation is about, whose address the
// documentation limits in bytes.
func (v *violations) participant(req addressed) participant {
	v.addressType("address_type", req.GetAddressType())
	v.address("address", req.GetAddress(), len(req.GetAddress()), "bytes")
	return participant{req.GetAddressType(), req.GetAddress()}
}

// listed is for one of many, whose addresses the documentation limits in
// characters.
func (v *violations) listed(item string, who addressed) participant {
	v.addressType(item+"address_type", who.GetAddressType())
	v.address(item+"address", who.GetAddress(), utf8.RuneCountInString(who.GetAddress()), "characters")
	return participant{who.GetAddressType(), who.GetAddress()}
}

func (v *violations) addressType(field, t string) {
	if t != phoneNumber && t != agentNumber {
		v.add(field, `must be "6" (phone number) or "9" (agent ID)`)
	}
}

func (v *violations) address(field, a string, length int, unit string) {
	if a == "" || !isNumber(a, length) {
		v.add(field, "must be 1 to %d %s without blanks or control characters", maxAddress, unit)
	}
}

// callerNumber is for the number that is shown to the called, which may be left
// out.
func (v *violations) callerNumber(field, n string, length int) {
	if !isNumber(n, length) {
		v.add(field, "must be at most %d characters without blanks or control characters", maxAddress)
	}
}

func isNumber(s string, length int) bool {
	return length <= maxAddress && !strings.ContainsFunc(s, blankOrControl) && utf8.ValidString(s)
}

// announcement is for one that is always played.
func (v *violations) announcement(mode *int32, path string) {
	v.playMode(mode)
	v.voicePath(path)
}

// welcome is for one that is played to who joins, if a tone is wanted.
func (v *violations) welcome(tone bool, mode *int32, path string) welcome {
	v.playMode(mode)
	if !tone {
		return welcome{}
	}
	v.voicePath(path)
	return welcome{tone, play(path)}
}

func (v *violations) playMode(m *int32) {
	if m != nil && *m != playFile {
		v.add("play_mode", "must be %d or left out", playFile)
	}
}

func (v *violations) voicePath(p string) {
	if !isVoicePath(p) || utf8.RuneCountInString(p) > maxVoicePath ||
		strings.Contains(p, "..") || strings.ContainsFunc(p, unicode.IsControl) || !utf8.ValidString(p) {
		v.add("voice_path", "must be a drive letter, :/conf/, VDN ID, / and file name, at most %d characters, "+
			"without .., backslash or control characters, such as y:/conf/120/wait.V3", maxVoicePath)
	}
}

// isVoicePath reports whether p is a drive letter, :/conf/, a number, and a name.
func isVoicePath(p string) bool {
	if p == "" {
		return false
	}
	drive, rest := p[0]|0x20, p[1:] // in lower case, if it is a letter
	rest, found := strings.CutPrefix(rest, ":/conf/")
	vdn, name, _ := strings.Cut(rest, "/")
	return 'a' <= drive && drive <= 'z' && found && isDigits(vdn) && name != "" && !strings.ContainsAny(name, `/\`)
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
