package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// A caller's request ID is in the line of the call and goes back; a call without one,
// or with what cannot be one, gets a new one.
func TestRequestID(t *testing.T) {
	f := newFronts(t, sockets)
	hold := map[string]func(*testing.T, *fronts, []string) string{
		"gRPC":                  holdGRPCWithID,
		"JSON":                  holdJSONWithID(holdV1),
		"the gateway's dialect": holdJSONWithID(holdGateway),
	}
	seen := map[string]bool{}
	for front, hold := range hold {
		for _, test := range []struct {
			given []string
			kept  bool
		}{
			{[]string{"4bf92f35-77b3"}, true},
			{[]string{strings.Repeat("x", 128)}, true},
			{[]string{strings.Repeat("x", 129)}, false},
			{[]string{"two words"}, false},
			{[]string{"one", "two"}, false},
			{[]string{""}, false},
			{nil, false},
		} {
			f.gateway.Play(conformance.Script{})
			got := hold(t, f, test.given)
			if kept := len(test.given) > 0 && got == test.given[0]; kept != test.kept || got == "" {
				t.Errorf("%s: request ID %q for %q", front, got, test.given)
			}
			if !test.kept && seen[got] {
				t.Errorf("%s: request ID %q is not new", front, got)
			}
			seen[got] = true
			lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
			var line map[string]any
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
				t.Fatal(err)
			}
			for key, want := range map[string]any{
				"request_id": got, "operation": "holdParticipant", "code": "OK", "retcode": "0", "outcome": "applied",
			} {
				if line[key] != want {
					t.Errorf("%s: %s is %v, want %v", front, key, line[key], want)
				}
			}
		}
	}
}

func holdGRPCWithID(t *testing.T, f *fronts, given []string) string {
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"guid": {someGUID}, "x-request-id": given})
	var header metadata.MD
	_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
		AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(header.Get("x-request-id"), " and ")
}

func holdJSONWithID(path string) func(*testing.T, *fronts, []string) string {
	return func(t *testing.T, f *fronts, given []string) string {
		httpStatus, header, body := f.send(t, "POST", path, func(r *http.Request) { r.Header["X-Request-Id"] = given })
		if httpStatus != http.StatusOK {
			t.Fatalf("HTTP status %d: %s", httpStatus, body)
		}
		return strings.Join(header["X-Request-Id"], " and ")
	}
}

// Requests that become no call, and streams, have an ID as well.
func TestRequestIDWithoutCall(t *testing.T) {
	f := newFronts(t, sockets)
	for _, path := range []string{"/nothing", "/v1/agents/7/events"} {
		_, header, _ := f.send(t, "GET", path, func(r *http.Request) { r.Header.Set("X-Request-Id", "their-8") })
		if got := header.Get("X-Request-Id"); got != "their-8" {
			t.Errorf("%s: request ID %q", path, got)
		}
	}
	stream, err := agentconfv1.NewEventServiceClient(f.conn).WatchAgentEvents(
		metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "their-8"), &agentconfv1.WatchAgentEventsRequest{AgentId: "7"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err == nil {
		t.Error("agent 7 is watched")
	}
	header, _ := stream.Header()
	if got := append(header.Get("x-request-id"), stream.Trailer().Get("x-request-id")...); len(got) != 1 || got[0] != "their-8" {
		t.Errorf("the stream has the request ID %q", got)
	}
	if got := strings.Count(f.log.String(), `"request_id":"their-8"`); got != 3 {
		t.Errorf("%d lines with the request ID:\n%s", got, f.log)
	}
}

// With an error the ID comes behind it, so that a client that retries may.
func TestRequestIDOfError(t *testing.T) {
	f := newFronts(t, sockets)
	var header, trailer metadata.MD
	_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(
		metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "their-8"), &agentconfv1.HoldParticipantRequest{},
		grpc.Header(&header), grpc.Trailer(&trailer))
	if got := trailer.Get("x-request-id"); err == nil || len(header) > 0 || len(got) != 1 || got[0] != "their-8" {
		t.Errorf("error %v, header %v, trailer %v", err, header, trailer)
	}
}
