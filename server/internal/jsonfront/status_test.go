package jsonfront

import (
	"encoding/json"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"agentconf/conformance"
	"agentconf/server/internal/outcome"
)

// The JSON of an error is that of its gRPC status.
func TestAppendStatus(t *testing.T) {
	refused := outcome.Kind{Code: codes.PermissionDenied, Reason: "NOT_CHAIRPERSON", Outcome: outcome.NotApplied}.Error(
		"holdParticipant", "A \"text\" <b> & \\ \u00e9\n.", nil)
	refused.Retcode = "101-002"
	waiting := outcome.Overload("holdParticipant")
	precise := outcome.Overload("")
	waiting.RetryAfter, precise.RetryAfter = 1500*time.Millisecond, 2*time.Second+7*time.Nanosecond
	for _, e := range []*outcome.Error{
		refused, waiting, precise, outcome.Overload("holdParticipant"), outcome.NoOperation("none"),
		outcome.Invalid("holdParticipant", outcome.Violation{Field: "address", Description: `must not be "x"`},
			outcome.Violation{Field: "play_mode", Description: "must be 0 to 3"}),
		outcome.Invalid(""),
	} {
		got := appendStatus(nil, e)
		want, err := protojson.Marshal(e.GRPCStatus().Proto())
		if err != nil {
			t.Fatal(err)
		}
		equal, err := conformance.JSONEqual(got, want)
		if err != nil || !equal || !json.Valid(got) {
			t.Errorf("%s, want %s: %v", got, want, err)
		}
	}
}
