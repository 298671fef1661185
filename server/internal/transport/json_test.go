package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
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

func TestWrongMethod(t *testing.T) {
	f := newFronts(t, sockets)
	for _, path := range []string{holdGateway, holdV1} {
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "BREW"} {
			httpStatus, header, body := f.send(t, method, path, nil)
			if httpStatus != http.StatusMethodNotAllowed || header.Get("Allow") != "POST" {
				t.Errorf("%s %s: HTTP status %d, Allow %q", method, path, httpStatus, header.Get("Allow"))
			}
			if path == holdGateway && retcodeOf(t, body) != "000-002" || path == holdV1 && reasonOf(t, body) != "NO_SUCH_OPERATION" {
				t.Errorf("%s %s: %s", method, path, body)
			}
		}
	}
	if got := f.gateway.Received(); len(got) > 0 {
		t.Errorf("the gateway was reached: %v", got)
	}
}

// A header or a form must not make one method another.
func TestMethodOverride(t *testing.T) {
	f := newFronts(t, sockets)
	for _, method := range []string{"GET", "PUT"} {
		httpStatus, _, _ := f.send(t, method, holdGateway, func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "POST") })
		if httpStatus != http.StatusMethodNotAllowed {
			t.Errorf("%s: HTTP status %d", method, httpStatus)
		}
	}
	httpStatus, _, _ := f.send(t, "POST", holdGateway, func(r *http.Request) {
		r.Header.Set("X-HTTP-Method-Override", "DELETE")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	if httpStatus != http.StatusOK {
		t.Errorf("POST: HTTP status %d", httpStatus)
	}
	if got := f.gateway.Received(); len(got) != 1 {
		t.Errorf("the gateway got %v", got)
	}
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

func TestBodySize(t *testing.T) {
	f := newFronts(t, sockets)
	const most = 64 << 10
	for size, ok := range map[int]bool{most: true, most + 1: false, 100 * most: false} {
		body := documentedBody + strings.Repeat(" ", size-len(documentedBody))
		httpStatus, _, answer := f.send(t, "POST", holdV1, func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(body))
			r.ContentLength = -1 // in chunks, so that no length gives it away
		})
		if ok != (httpStatus == http.StatusOK) || !ok && !bytes.Contains(answer, []byte("larger than 65536 bytes")) {
			t.Errorf("a body of %d bytes: HTTP status %d, %s", size, httpStatus, answer)
		}
		if got := f.gateway.Received(); len(got) > 0 != ok {
			t.Errorf("a body of %d bytes: the gateway got %v", size, got)
		}
	}
}

// Over HTTP the GUID has one way in; nothing else becomes metadata.
func TestHeadersAreNoMetadata(t *testing.T) {
	f := newFronts(t, sockets)
	_, _, body := f.send(t, "POST", holdV1, func(r *http.Request) {
		r.Header.Del("Guid")
		r.Header.Set("Grpc-Metadata-Guid", someGUID)
		r.Header.Set("Cookie", "guid="+someGUID)
		r.Header.Set("Authorization", someGUID)
	})
	if got := reasonOf(t, body); got != "GUID_MISSING" {
		t.Errorf("reason %s, want GUID_MISSING", got)
	}
	httpStatus, _, _ := f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("Grpc-Metadata-Guid", "another") })
	if httpStatus != http.StatusOK {
		t.Errorf("HTTP status %d", httpStatus)
	}
	if got := f.gateway.Received(); len(got) != 1 || got[0].Header.Get("Guid") != someGUID {
		t.Errorf("the gateway got %v", got)
	}
}

// Of the headers of a request only those of the gateway become metadata, and the ID.
func TestMetadataOfHTTP(t *testing.T) {
	var got metadata.MD
	v := serve(t, service{hold: func(ctx context.Context) error {
		got, _ = metadata.FromIncomingContext(ctx)
		return nil
	}})
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://agentconf.test"+holdV1, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Guid", "Cookie", "From", "Grpc-Metadata-X", "Grpcgateway-X", "X-Y"} {
		req.Header.Set(name, someGUID)
	}
	resp, err := v.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	v.stop()
	if err := <-v.ended; err != nil {
		t.Error(err)
	}
	keys := slices.Sorted(maps.Keys(got))
	if want := []string{"guid", "x-request-id"}; !slices.Equal(keys, want) {
		t.Errorf("metadata %v, want %v", keys, want)
	}
}

func TestBadTimeout(t *testing.T) {
	f := newFronts(t, sockets)
	for _, timeout := range []string{"5", "5x", "S", "-1S"} {
		httpStatus, _, body := f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("Grpc-Timeout", timeout) })
		if httpStatus != http.StatusBadRequest || !bytes.Contains(body, []byte("The call was not applied, the request is wrong: Grpc-Timeout")) || reasonOf(t, body) != "INVALID_ARGUMENT" {
			t.Errorf("Grpc-Timeout %q: HTTP status %d, %s", timeout, httpStatus, body)
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

// 401 comes with a challenge (RFC 9110, 15.5.2).
func TestChallenge(t *testing.T) {
	f := newFronts(t, sockets)
	_, header, _ := f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Del("Guid") })
	if header.Get("WWW-Authenticate") == "" {
		t.Error("no WWW-Authenticate")
	}
}
