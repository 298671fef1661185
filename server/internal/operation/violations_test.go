package operation

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/metadata"
)

// What the validators must refuse is in conformance/cases.json. Here is what must
// hold for whatever they let pass, as other code relies on it.

func FuzzAgentID(f *testing.F) {
	for _, seed := range []string{"101", "59999", "60000", "0101", "..", "101/", "１２８７", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		var v violations
		v.agentID(id, 59999)
		if v != nil {
			return
		}
		n, err := strconv.Atoi(id)
		if err != nil || strconv.Itoa(n) != id || n < 101 || n > 59999 {
			t.Errorf("%q passed", id)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"88887946", "2002", "", "8 8", "é", "\x00", "\xff", strings.Repeat("9", 25)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		var v violations
		v.address("address", address, len(address), "bytes")
		if v != nil {
			return
		}
		if len(address) < 1 || len(address) > 24 || !utf8.ValidString(address) || len(strings.Fields(address)) != 1 || strings.Fields(address)[0] != address {
			t.Errorf("%q passed", address)
		}
		for _, p := range []participant{{phoneNumber, address}, {agentNumber, address}} {
			if shown := p.shown(); len(address) > 6 && strings.Contains(p.String(), address) || !utf8.ValidString(shown) {
				t.Errorf("%q is shown as %q", address, shown)
			}
		}
	})
}

func FuzzVoicePath(f *testing.F) {
	for _, seed := range []string{"y:/conf/120/1136287.V3", "y:/conf/120/../x", "y:/conf/1/a\\b", "y:/conf/1/\n", "y:/conf/120/音.V3", "y:/conf/1/\xff"} {
		f.Add(seed)
	}
	shape := regexp.MustCompile(`^[A-Za-z]:/conf/[0-9]+/[^/\\]+$`)
	f.Fuzz(func(t *testing.T, path string) {
		var v violations
		v.voicePath(path)
		if v != nil {
			return
		}
		if !shape.MatchString(path) || strings.Count(path, "/") != 3 || strings.Contains(path, "..") ||
			strings.ContainsAny(path, "\\\x00\r\n\t\x7f") || !utf8.ValidString(path) || len([]rune(path)) > 127 {
			t.Errorf("%q passed", path)
		}
	})
}

func FuzzGUID(f *testing.F) {
	for _, seed := range []string{"279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0", "", "a b", "JSESSIONID=a", "é", "\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"guid": {value}})
		guid, err := guidOf(ctx, "holdParticipant")
		if err != nil {
			if len(value) > 20 && strings.Contains(err.Error(), value) {
				t.Errorf("the error repeats the GUID: %v", err)
			}
			return
		}
		if guid != value || len(guid) > 256 || regexp.MustCompile(`^[!-~]+$`).FindString(guid) != guid {
			t.Errorf("%q passed as %q", value, guid)
		}
	})
}

// A gateway set up for newer agent IDs.
func TestAgentIDMax(t *testing.T) {
	for id, ok := range map[string]bool{"60000": true, "999999": true, "1000000": false} {
		var v violations
		v.agentID(id, 999999)
		if (v == nil) != ok {
			t.Errorf("%s with a limit of 999999: %v", id, v)
		}
	}
}
