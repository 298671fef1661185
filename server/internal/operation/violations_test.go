package operation

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
)

// conformance/cases.json has the values that the checks reject. These tests state what
// other code relies on in a value that passes.

func FuzzAgentID(f *testing.F) {
	for _, seed := range []string{"101", "59999", "60000", "0101", "..", "101/", "１２８７", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		var v Violations
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

func FuzzGUID(f *testing.F) {
	for _, seed := range []string{"279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0", "", "a b", "JSESSIONID=a", "é", "\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"guid": {value}})
		guid, err := GUID(ctx, "holdParticipant")
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

// A newer gateway allows higher agent IDs.
func TestAgentIDMax(t *testing.T) {
	for id, ok := range map[string]bool{"60000": true, "999999": true, "1000000": false} {
		var v Violations
		v.agentID(id, 999999)
		if (v == nil) != ok {
			t.Errorf("%s with a limit of 999999: %v", id, v)
		}
	}
}
