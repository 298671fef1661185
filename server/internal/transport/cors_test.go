package transport

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const corsHold = "/v1/agents/1287/conference:holdParticipant"

// noService has no operation.
type noService struct {
	agentconfv1.UnimplementedConferenceServiceServer
	agentconfv1.UnimplementedSessionServiceServer
	agentconfv1.UnimplementedEventServiceServer
}

func (noService) Stop(time.Duration) {}

// crossed is a JSON front that pages of other origins may call. A call fails.
func crossed(t *testing.T, origins ...string) *httptest.Server {
	t.Helper()
	s := New(noService{}, Config{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), MaxInFlight: 1, CORSOrigins: origins,
	})
	front := httptest.NewServer(s.http.Handler)
	t.Cleanup(func() { front.Close(); s.grpc.Stop() })
	return front
}

// fromPage sends what a browser sends for a page: header has pairs of name and value.
func fromPage(t *testing.T, front *httptest.Server, method string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, front.URL+corsHold, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// preflight asks whether a page of origin may send these headers.
func preflight(t *testing.T, front *httptest.Server, origin, method, headers string) http.Header {
	t.Helper()
	resp, body := fromPage(t, front, "OPTIONS", "Origin", origin,
		"Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
	if resp.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("from %s: HTTP status %d, %s", origin, resp.StatusCode, body)
	}
	return resp.Header
}

// allHeaders are those that a client of the JSON front sends, as a browser lists them.
const allHeaders = "content-type,grpc-timeout,guid,last-event-id,service_token,x-request-id"

func TestCORSPreflight(t *testing.T) {
	front := crossed(t, "https://desk.example", "http://127.0.0.1:3000")
	for _, origin := range []string{"https://desk.example", "http://127.0.0.1:3000"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			h := preflight(t, front, origin, method, allHeaders)
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
		if got := preflight(t, front, origin, "POST", "guid").Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s is allowed as %q", origin, got)
		}
	}
	if got := preflight(t, front, "https://desk.example", "POST", "cookie").Get("Access-Control-Allow-Headers"); got != "" {
		t.Errorf("allowed headers %q", got)
	}
}

// A page may read the answer, an error too, and the headers that tell more.
func TestCORSCall(t *testing.T) {
	front := crossed(t, "https://desk.example")
	resp, body := fromPage(t, front, "POST", "Origin", "https://desk.example", "Guid", "some")
	if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(body, `"reason":"INTERNAL"`) {
		t.Errorf("HTTP status %d, %s", resp.StatusCode, body)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://desk.example", "Vary": "Origin",
		"Access-Control-Expose-Headers": "Set-Guid, Retry-After, Www-Authenticate, X-Request-Id",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	other, _ := fromPage(t, front, "POST", "Origin", "https://other.example")
	if got := other.Header.Get("Access-Control-Allow-Origin"); got != "" || other.Header.Get("Vary") != "Origin" {
		t.Errorf("another page may read it: %q, Vary %q", got, other.Header.Get("Vary"))
	}
}

func TestCORSAny(t *testing.T) {
	front := crossed(t, "*")
	if got := preflight(t, front, "https://any.example", "POST", "guid").Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("allowed origin %q", got)
	}
}

// Unless it is asked for, no other page may do anything, and no header says a word.
func TestCORSOff(t *testing.T) {
	front := crossed(t)
	resp, body := fromPage(t, front, "OPTIONS", "Origin", "https://desk.example", "Access-Control-Request-Method", "POST")
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" || !strings.Contains(body, "NO_SUCH_OPERATION") {
		t.Errorf("HTTP status %d, Allow %q, %s", resp.StatusCode, resp.Header.Get("Allow"), body)
	}
	call, _ := fromPage(t, front, "POST", "Origin", "https://desk.example")
	for _, header := range []http.Header{resp.Header, call.Header} {
		for name := range header {
			if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", name, header.Get(name))
			}
		}
	}
}
