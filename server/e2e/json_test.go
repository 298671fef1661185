package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	holdGateway = "/agentgateway/resource/agentconf/1287/holdparticipant"
	holdV1      = "/v1/agents/1287/conference:holdParticipant"
)

// send makes an HTTP request with a GUID and the documented body, changed by
// change.
func (f *fronts) send(t *testing.T, method, path string, change func(*http.Request)) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://agentconf.test"+path, strings.NewReader(documentedBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", someGUID)
	if change != nil {
		change(req)
	}
	return f.do(t, req)
}

// reasonOf is the reason of the google.rpc.Status in body.
func reasonOf(t *testing.T, body []byte) string {
	t.Helper()
	st := &spb.Status{}
	if err := protojson.Unmarshal(body, st); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, detail := range status.FromProto(st).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// retcodeOf is the retcode of the envelope in body.
func retcodeOf(t *testing.T, body []byte) string {
	t.Helper()
	var envelope struct{ Retcode string }
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return envelope.Retcode
}

// Paths that a careless joiner would turn into another agent's, or another call.
func TestPaths(t *testing.T) {
	f := newFronts(t, sockets)
	for path, want := range map[string]int{
		"/":                                      404,
		"/agentgateway/resource/agentconf/1287":  404,
		"/agentgateway/resource/agentconf/1287/": 404,
		"/agentgateway/resource/agentconf/1287/holdparticipant/":              404,
		"/agentgateway/resource/agentconf/1287/HOLDPARTICIPANT":               404,
		"/agentgateway/resource/agentconf/1287/../1288/holdparticipant":       404,
		"/agentgateway/resource/agentconf/1287%2f1288/holdparticipant":        404,
		"/agentgateway/resource/agentconf/1287%2F..%2F1288/holdparticipant":   404,
		"/agentgateway/resource/agentconf/../agentconf/1287/holdparticipant":  404,
		"/agentgateway/resource//agentconf/1287/holdparticipant":              404,
		"/agentgateway/resource/agentconf/%2e%2e/holdparticipant":             200, // 000-002
		"/agentgateway/resource/agentconf//holdparticipant":                   200, // 000-002
		"/agentgateway/resource/agentconf/1287%00/holdparticipant":            200, // 000-002
		"/agentgateway/resource/agentconf/1287;x=y/holdparticipant":           200, // 000-002
		"/agentgateway/resource/agentconf/1287%3Fx/holdparticipant":           200, // 000-002
		"/agentgateway/resource/agentconf/%EF%BC%91%EF%BC%92/holdparticipant": 200, // 000-002
		"/v1/agents/1287/conference":                                          404,
		"/v1/agents/1287/conference:":                                         404,
		"/v1/agents/1287/conference:holdparticipant":                          404,
		"/v1/agents/1287/conference:holdParticipant:holdParticipant":          404,
		"/v1/agents/1287/conference%3AholdParticipant/x":                      404,
	} {
		httpStatus, _, body := f.send(t, "POST", path, nil)
		if httpStatus != want {
			t.Errorf("%s: HTTP status %d, want %d (%s)", path, httpStatus, want, body)
		}
		if strings.HasPrefix(path, "/agentgateway") && retcodeOf(t, body) != "000-002" {
			t.Errorf("%s: %s", path, body)
		}
	}
	if got := f.gateway.Received(); len(got) > 0 {
		t.Errorf("the gateway was reached: %v", got)
	}
}

// No time at all: the call ends before anything is sent, and says so.
func TestNoTimeLeft(t *testing.T) {
	f := newFronts(t, sockets)
	_, _, body := f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("Grpc-Timeout", "1n") })
	if got := reasonOf(t, body); got != "GATEWAY_UNREACHABLE" {
		t.Errorf("reason %s, want GATEWAY_UNREACHABLE", got)
	}
	if got := f.gateway.Received(); len(got) > 0 {
		t.Errorf("the gateway was reached: %v", got)
	}
}
