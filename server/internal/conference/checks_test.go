package conference

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
)

// conformance/cases.json has the values that the checks reject. These tests state what
// other code relies on in a value that passes.

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"88887946", "2002", "", "8 8", "é", "\x00", "\xff", "8\u200b8", "\u3164", "8\ufe0f", "\u2800", strings.Repeat("9", 25)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		var c checks
		c.participant(&agentconfv1.HoldParticipantRequest{AddressType: operation.PhoneNumber, Address: address})
		if c.Violations != nil {
			return
		}
		words := strings.Fields(address)
		if len(address) > 24 || !utf8.ValidString(address) || len(words) != 1 || words[0] != address {
			t.Errorf("%q passed", address)
		}
		c.participant(&agentconfv1.HoldParticipantRequest{AddressType: operation.AgentNumber, Address: address})
		if isAgent := c.Violations == nil; isAgent != (strings.Trim(address, "0123456789") == "") {
			t.Errorf("%q as an agent ID: %v", address, c.Violations)
		}
		for _, addressType := range []string{operation.PhoneNumber, operation.AgentNumber} {
			p := operation.Participant{AddressType: addressType, Address: address}
			if len(address) > 6 && strings.Contains(p.String(), address) || !utf8.ValidString(p.String()) {
				t.Errorf("%q is shown as %q", address, p)
			}
		}
	})
}

// A phone number may have any visible character, since no page lists them.
func TestInvisible(t *testing.T) {
	for _, r := range "+49(0)89-,#*aé音😀" {
		if isInvisible(r) {
			t.Errorf("%q is invisible", r)
		}
	}
	for _, r := range " \t\x00\x7f\u0085\u00a0\u00ad\u034f\u115f\u2003\u200b\u200d\u202e\u2028\u2060\u2800\u3000\u3164\ufe0f\ufeff\uffa0\ue000\U000e0041\U000e0100" {
		if !isInvisible(r) {
			t.Errorf("%q is visible", r)
		}
	}
}

func FuzzVoicePath(f *testing.F) {
	for _, seed := range []string{
		"y:/conf/120/1136287.V3", "y:/conf/120/../x", "y:/conf/1/a\\b", "y:/conf/1/\n", "y:/conf/120/音.V3", "y:/conf/1/\xff",
	} {
		f.Add(seed)
	}
	shape := regexp.MustCompile(`^[A-Za-z]:/conf/[0-9]+/[^/\\]+$`)
	f.Fuzz(func(t *testing.T, path string) {
		var c checks
		c.voicePath(path)
		if c.Violations != nil {
			return
		}
		if !shape.MatchString(path) || strings.Count(path, "/") != 3 || strings.Contains(path, "..") ||
			strings.ContainsAny(path, "\\\x00\r\n\t\x7f") || !utf8.ValidString(path) || len([]rune(path)) > 127 {
			t.Errorf("%q passed", path)
		}
	})
}
