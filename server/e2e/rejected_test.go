package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The service rejects an agent ID that would change the path of the gateway's request.
func TestUnsafeAgentIDs(t *testing.T) {
	f := newFronts(t, sockets)
	for _, agentID := range []string{"%2e%2e", "1287%00", "1287;x=y", "1287%3Fx", "%EF%BC%91%EF%BC%92"} {
		path := "/agentgateway/resource/agentconf/" + agentID + "/holdparticipant"
		httpStatus, _, body := f.send(t, "POST", path, nil)
		if got := retcodeOf(t, body); httpStatus != http.StatusOK || got != "000-002" {
			t.Errorf("%s: HTTP status %d, retcode %s, want 200, 000-002", path, httpStatus, got)
		}
	}
	if got := f.gateway.Received(); len(got) > 0 {
		t.Errorf("the gateway got %v, want no request", got)
	}
}

// An unknown method of gRPC is UNIMPLEMENTED, with details.
func TestUnknownMethod(t *testing.T) {
	f := newFronts(t, sockets)
	for _, method := range []string{"/agentconf.v1.ConferenceService/Hold", "/agentconf.v9.X/Y"} {
		err := f.conn.Invoke(t.Context(), method, documentedHold("1287"), &agentconfv1.HoldParticipantResponse{})
		st := status.Convert(err)
		if st.Code() != codes.Unimplemented || len(st.Details()) != 1 {
			t.Errorf("%s: got %v with details %v, want %v with one", method, err, st.Details(), codes.Unimplemented)
		}
	}
}

// A message over 64 KiB, or headers over 16 KiB, never become a call.
func TestTooLarge(t *testing.T) {
	called := false
	f := serve(t, stub{hold: func(context.Context) error { called = true; return nil }})
	large := strings.Repeat("9", 64<<10)
	_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(t.Context(),
		&agentconfv1.HoldParticipantRequest{Address: large})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a large message: got %v, want %v", err, codes.ResourceExhausted)
	}
	if err := f.holdGRPC(metadata.AppendToOutgoingContext(t.Context(), "guid", large)); err == nil {
		t.Error("large headers over gRPC: got OK, want an error")
	}
	httpStatus, _, _ := f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("Guid", large) })
	if httpStatus != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("large headers over HTTP: status %d, want 431", httpStatus)
	}
	if called {
		t.Error("the service was called")
	}
	f.stopCleanly(t)
}
