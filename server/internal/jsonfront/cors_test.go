package jsonfront

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// sendFromPage sends what a browser sends for a page: header has pairs of name and value.
func (f *testFront) sendFromPage(method string, header ...string) recorder {
	return f.send(method, holdREST, "{}", func(r *http.Request) {
		r.Header.Del("Guid")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
	})
}

// preflight asks whether a page of origin may send these headers.
func preflight(t *testing.T, f *testFront, origin, method, headers string) http.Header {
	t.Helper()
	w := f.sendFromPage("OPTIONS", "Origin", origin,
		"Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("from %s: HTTP status %d, %s", origin, w.Code, w.Body)
	}
	return w.Header()
}

// allHeaders are the headers that clients of the front send, in a browser's order. Libraries
// for server-sent events add cache-control and x-requested-with.
const allHeaders = "cache-control,content-type,grpc-timeout,guid,last-event-id,service_token,x-request-id,x-requested-with"

func TestCORSPreflight(t *testing.T) {
	f := newTestFront(stubService{}, "https://desk.example", "http://127.0.0.1:3000")
	for _, origin := range []string{"https://desk.example", "http://127.0.0.1:3000"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			h := preflight(t, f, origin, method, allHeaders)
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": method,
				"Access-Control-Allow-Headers": allHeaders, "Access-Control-Max-Age": "600",
				"Access-Control-Allow-Credentials": "",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s from %s: %s %q, want %q", method, origin, name, got, want)
				}
			}
		}
	}
	for _, origin := range []string{"https://desk.example.test", "http://desk.example", "https://desk.example:8443", "https://www.desk.example", "null"} {
		if got := preflight(t, f, origin, "POST", "guid").Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s is allowed as %q", origin, got)
		}
	}
	if got := preflight(t, f, "https://desk.example", "POST", "cookie").Get("Access-Control-Allow-Headers"); got != "" {
		t.Errorf("allowed headers %q", got)
	}
}

// failing is a service whose hold fails without an outcome.
var failing = stubService{hold: func(context.Context, *agentconfv1.HoldParticipantRequest) error {
	return status.Error(codes.Internal, "failed")
}}

// A page may read every reply, errors included, and the headers that clients use.
func TestCORSCall(t *testing.T) {
	f := newTestFront(failing, "https://desk.example")
	w := f.sendFromPage("POST", "Origin", "https://desk.example", "Guid", "some")
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"reason":"INTERNAL"`) {
		t.Errorf("HTTP status %d, %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://desk.example", "Vary": "Origin",
		"Access-Control-Expose-Headers": "Set-Guid, Retry-After, Www-Authenticate, X-Request-Id, Agentconf-Outcome, Agentconf-Reason",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	other := f.sendFromPage("POST", "Origin", "https://other.example").Header()
	if got := other.Get("Access-Control-Allow-Origin"); got != "" || other.Get("Vary") != "Origin" {
		t.Errorf("another page may read the reply: %q, Vary %q", got, other.Get("Vary"))
	}
}

func TestCORSAny(t *testing.T) {
	f := newTestFront(stubService{}, "*")
	if got := preflight(t, f, "https://any.example", "POST", "guid").Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("allowed origin %q", got)
	}
}

// Without origins a preflight is a wrong method, and no reply has a header of CORS.
func TestCORSOff(t *testing.T) {
	f := newTestFront(stubService{})
	w := f.sendFromPage("OPTIONS", "Origin", "https://desk.example", "Access-Control-Request-Method", "POST")
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" || !strings.Contains(w.Body.String(), "NO_SUCH_OPERATION") {
		t.Errorf("HTTP status %d, Allow %q, %s", w.Code, w.Header().Get("Allow"), w.Body)
	}
	call := f.sendFromPage("POST", "Origin", "https://desk.example")
	for _, header := range []http.Header{w.Header(), call.Header()} {
		for name := range header {
			if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", name, header.Get(name))
			}
		}
	}
}
