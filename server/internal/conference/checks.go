package conference

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/server/internal/operation"
)

const (
	maxAddress   = 24  // bytes or characters, by the page of the operation
	maxVoicePath = 127 // characters (page 0473)

	// maxConfirmWithin bounds a confirmation, and with it how long a participant is blocked
	// for other confirmed calls. No page limits the time until an event.
	maxConfirmWithin = 60 * time.Second
)

// checks collects the violations of a request of the conference family. Some of its methods
// also return the checked part of the body.
type checks struct{ operation.Violations }

// participant checks the participant that an operation is about. Its address is
// limited in bytes (page 0473).
func (c *checks) participant(m operation.Addressed) operation.Participant {
	return c.addressed("", m, len(m.GetAddress()), "bytes")
}

// listed checks one of several participants. Their addresses are limited in characters
// (pages 0477 and 0478). item is its place in the request, such as "addresses[0].".
func (c *checks) listed(item string, m operation.Addressed) operation.Participant {
	return c.addressed(item, m, utf8.RuneCountInString(m.GetAddress()), "characters")
}

// addressed checks a participant whose address has a length in the unit. No page says which
// characters an address has. An agent ID is decimal, and nobody can see or dial what is
// invisible.
func (c *checks) addressed(item string, m operation.Addressed, length int, unit string) operation.Participant {
	p := operation.ParticipantOf(m)
	isAgent := p.AddressType == operation.AgentNumber
	if !isAgent && p.AddressType != operation.PhoneNumber {
		c.Add(item+"address_type", `must be "6" (phone number) or "9" (agent ID)`)
	}
	switch {
	case isAgent && (length > maxAddress || !operation.IsDigits(p.Address)):
		c.Add(item+"address", "must be 1 to %d decimal digits, as it is an agent ID", maxAddress)
	case p.Address == "" || !isNumber(p.Address, length):
		c.Add(item+"address", "must be 1 to %d %s, each of them visible", maxAddress, unit)
	}
	return p
}

// callerNumber checks the number that called phones show. It may be left out: the gateway
// then uses the number of the VDN.
func (c *checks) callerNumber(field, n string, length int) {
	if !isNumber(n, length) {
		c.Add(field, "must be at most %d characters, each of them visible", maxAddress)
	}
}

func isNumber(s string, length int) bool {
	return length <= maxAddress && !strings.ContainsFunc(s, isInvisible) && utf8.ValidString(s)
}

// isInvisible reports whether nothing of a character can be seen. Besides blanks, control and
// format characters, that are fillers, and selectors of a variant.
func isInvisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == 0x7f
	}
	const blankBraille = '\u2800'
	return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == blankBraille ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// announcement checks an announcement that is always played.
func (c *checks) announcement(mode *int32, path string) announcement {
	c.playMode(mode)
	c.voicePath(path)
	return announcement{playFile, path}
}

// welcome checks the announcement that a joining participant hears. Without a tone the
// gateway ignores the file (page 0468), so it is neither checked nor sent.
func (c *checks) welcome(tone bool, mode *int32, path string) welcome {
	c.playMode(mode)
	if !tone {
		return welcome{}
	}
	c.voicePath(path)
	return welcome{tone, announcement{playFile, path}}
}

func (c *checks) playMode(m *int32) {
	if m != nil && *m != playFile {
		c.Add("play_mode", "must be %d or left out", playFile)
	}
}

// voicePath checks the path of a file on the platform (page 0473). A path that could leave
// the folder of the VDN is a violation.
func (c *checks) voicePath(p string) {
	if !isVoicePath(p) || utf8.RuneCountInString(p) > maxVoicePath ||
		strings.Contains(p, "..") || strings.ContainsFunc(p, unicode.IsControl) || !utf8.ValidString(p) {
		c.Add("voice_path", "must be a drive letter, :/conf/, VDN ID, / and file name, at most %d characters, "+
			"without .., backslash or control characters, such as y:/conf/120/wait.V3", maxVoicePath)
	}
}

// isVoicePath reports whether p is a drive letter, :/conf/, a number, / and a name.
func isVoicePath(p string) bool {
	drive, rest, _ := strings.Cut(p, ":/conf/")
	vdn, name, _ := strings.Cut(rest, "/")
	isLetter := len(drive) == 1 && 'a' <= drive[0]|0x20 && drive[0]|0x20 <= 'z'
	return isLetter && operation.IsDigits(vdn) && name != "" && !strings.ContainsAny(name, `/\`)
}

// confirmWithin checks how long a call waits for its event.
func (c *checks) confirmWithin(within *durationpb.Duration) {
	if within == nil {
		return
	}
	if d := within.AsDuration(); !within.IsValid() || d <= 0 || d > maxConfirmWithin {
		c.Add("confirm_within", "must be more than 0 and at most %v, or left out", maxConfirmWithin)
	}
}
