package e2e

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A request ID of the caller is in the reply and in the log record of the call. If the
// caller sends none, or a malformed one, the service creates a new one for the record. The
// tests of jsonfront check the same of the JSON front, whose replies have the new one, too.
func TestRequestID(t *testing.T) {
	f := newFronts(t, sockets)
	seen := map[string]bool{}
	for _, test := range []struct {
		sent []string
		kept bool
	}{
		{[]string{"4bf92f35-77b3"}, true},
		{[]string{strings.Repeat("x", 128)}, true},
		{[]string{strings.Repeat("x", 129)}, false},
		{[]string{"two words"}, false},
		{[]string{"one", "two"}, false},
		{[]string{""}, false},
		{nil, false},
	} {
		var header metadata.MD
		ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"x-request-id": test.sent})
		if err := f.holdGRPC(withGUID(ctx), grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
		record := f.lastRecord()
		var logged string
		if _, after, found := strings.Cut(record, `"request_id":"`); found {
			logged, _, _ = strings.Cut(after, `"`)
		}
		returned := strings.Join(header.Get("x-request-id"), " and ")
		if kept := len(test.sent) > 0 && logged == test.sent[0]; kept != test.kept || logged == "" || seen[logged] {
			t.Errorf("request ID %q for %q, want the same: %v", logged, test.sent, test.kept)
		}
		if test.kept && returned != logged || !test.kept && returned != "" {
			t.Errorf("returned %q for %q", returned, test.sent)
		}
		seen[logged] = true
		checkRecord(t, record, map[string]any{
			"request_id": logged, "operation": "holdParticipant", "rpc.response.status_code": "OK", "retcode": "0", "outcome": "applied",
		})
	}
}

// Rejected requests and streams have a request ID too.
func TestRequestIDWithoutCall(t *testing.T) {
	f := newFronts(t, sockets)
	for _, path := range []string{"/nothing", "/v1/agents/7/events"} {
		_, header, _ := f.send(t, "GET", path, func(r *http.Request) { r.Header.Set("X-Request-Id", "their-8") })
		if got := header.Get("X-Request-Id"); got != "their-8" {
			t.Errorf("%s: request ID %q, want their-8", path, got)
		}
	}
	stream, err := agentconfv1.NewEventServiceClient(f.conn).WatchAgentEvents(
		metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "their-8"),
		&agentconfv1.WatchAgentEventsRequest{AgentId: "7"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err == nil {
		t.Error("a watch of agent 7: got a message, want an error")
	}
	header, _ := stream.Header()
	got := append(header.Get("x-request-id"), stream.Trailer().Get("x-request-id")...)
	if len(got) != 1 || got[0] != "their-8" {
		t.Errorf("a watch of agent 7: request ID %q, want their-8", got)
	}
	if got := strings.Count(f.log.String(), `"request_id":"their-8"`); got != 3 {
		t.Errorf("got %d log records with the request ID, want 3:\n%s", got, f.log)
	}
}

// The request ID of an error is in the trailer. Headers would prevent gRPC clients from
// retrying.
func TestRequestIDOfError(t *testing.T) {
	f := newFronts(t, sockets)
	var header, trailer metadata.MD
	err := f.holdGRPC(metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "their-8"),
		grpc.Header(&header), grpc.Trailer(&trailer))
	if err == nil {
		t.Error("a hold without a GUID: got OK, want an error")
	}
	if got := trailer.Get("x-request-id"); len(header) > 0 || len(got) != 1 || got[0] != "their-8" {
		t.Errorf("header %v, trailer %v, want their-8 in the trailer only", header, trailer)
	}
}
