package jsonfront

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// firstWrite is a response that cancels its request once something is written, since
// a stream would not end.
type firstWrite struct {
	recorder
	cancel context.CancelFunc
}

func (w firstWrite) Write(p []byte) (int, error) {
	defer w.cancel()
	return w.recorder.Write(p)
}

// Whatever the request, the front makes the call that the path names, once and with the
// GUID of the header, or replies with an error of the request.
func FuzzJSONFront(f *testing.F) {
	const root, guid = "/agentgateway/resource/", "279fe21d.AgentGateway0"
	f.Add("POST", root+"agentconf/1287/holdparticipant", "", "Guid", guid, holdBody)
	f.Add("POST", holdREST, "", "Guid", guid, holdBody)
	f.Add("GET", holdREST, "a=b;c", "Grpc-Timeout", "1n", "")
	f.Add("POST", root+"onlineagent/1287/resetskill/true", "skillid=1;2", "Guid", guid, "{}")
	f.Add("PUT", root+"onlineagent/1287", "", "Content-Type", "application/x-www-form-urlencoded", `{"password":"a","phonenum":"1"}`)
	f.Add("GET", root+"agentevent/1287", "calldata=%ff", "Guid", guid, "")
	f.Add("GET", "/v1/agents/1287/events", "", "Guid", guid, "")
	f.Add("GET", "/v1/agents/1287/events", "after_sequence=x", "Last-Event-ID", "-1", "")
	f.Add("GET", "/v1/agents/1287/events", "%zz", "Last-Event-ID", "1", "")
	f.Add("POST", "/v1/agents/1287/conference:answerAgentConf", "a=1&%20=2", "Guid", guid, "")
	f.Add("DELETE", root+"onlineagent/1287/forcelogoutwithreason/x", "", "Guid", guid, "")
	f.Add("POST", "//v1/agents/../conference:holdParticipant", "", "X-HTTP-Method-Override", "GET", "[")
	front := newTestFront(stubService{watch: func(_ *agentconfv1.WatchAgentEventsRequest, stream watchServer) error {
		for {
			if err := stream.Send(started); err != nil {
				return err
			}
		}
	}})
	f.Fuzz(func(t *testing.T, method, path, query, header, value, body string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		r.Header[http.CanonicalHeaderKey(header)] = []string{value}
		if strings.HasPrefix(r.URL.Path, docsRoot) {
			t.Skip("documentation, no call")
		}
		w := firstWrite{recorder{httptest.NewRecorder()}, cancel}
		front.ServeHTTP(w, r)

		calls := front.takeCalls()
		if w.Code == http.StatusInternalServerError || w.Code == http.StatusBadGateway {
			t.Errorf("%s %q: HTTP status %d, %s", method, path, w.Code, w.Body)
		}
		if w.Result().Header.Get("Content-Type") != eventStream && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: no JSON: %s", method, path, w.Body)
		}
		if len(calls) > 1 {
			t.Errorf("%s %q: %d calls", method, path, len(calls))
		}
		for _, call := range calls {
			checkCall(t, call, r, header, value)
		}
	})
}

// checkCall compares a call with the request that led to it.
func checkCall(t *testing.T, call call, r *http.Request, header, value string) {
	t.Helper()
	want := []string(nil)
	if strings.EqualFold(header, "Guid") {
		want = []string{value}
	}
	if got := call.metadata.Get("guid"); !slices.Equal(got, want) {
		t.Errorf("%s %q with %s %q calls with the GUID %q", r.Method, r.URL.Path, header, value, got)
	}
	rpc := call.method[strings.LastIndexByte(call.method, '/')+1:]
	if operation := r.URL.Path[strings.LastIndexAny(r.URL.Path, ":/")+1:]; strings.HasPrefix(r.URL.Path, "/v1/") &&
		!strings.EqualFold(operation, rpc) && rpc != "WatchAgentEvents" {
		t.Errorf("%s %q calls %s", r.Method, r.URL.Path, rpc)
	}
	agentID := call.request.(interface{ GetAgentId() string }).GetAgentId()
	if !slices.Contains(strings.Split(r.URL.Path, "/"), agentID) {
		t.Errorf("%s %q calls for agent %q", r.Method, r.URL.Path, agentID)
	}
	for key := range call.metadata {
		switch key {
		case "guid", "service_token", "x-request-id", "traceparent", "tracestate":
		default:
			t.Errorf("the call has metadata %s", key)
		}
	}
}
