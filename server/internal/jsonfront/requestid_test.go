package jsonfront

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A caller's request ID is in the log record of the call and in the reply. A call
// without one, or with one that is malformed, has a new one.
func TestRequestID(t *testing.T) {
	f := newTestFront(stubService{})
	seen := map[string]bool{}
	for _, path := range []string{holdREST, holdGateway} {
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
			w := f.sendHold(path, func(r *http.Request) { r.Header["X-Request-Id"] = test.given })
			got := strings.Join(w.Header()["X-Request-Id"], " and ")
			if kept := len(test.given) > 0 && got == test.given[0]; kept != test.kept || got == "" {
				t.Errorf("%s: request ID %q for %q", path, got, test.given)
			}
			if !test.kept && seen[got] {
				t.Errorf("%s: request ID %q is not new", path, got)
			}
			seen[got] = true
			lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
			var record map[string]any
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &record); err != nil {
				t.Fatal(err)
			}
			for key, want := range map[string]any{
				"request_id": got, "operation": "holdParticipant", "rpc.response.status_code": "OK", "retcode": "0", "outcome": "applied",
			} {
				if record[key] != want {
					t.Errorf("%s: %s is %v, want %v", path, key, record[key], want)
				}
			}
		}
	}
}

// Rejected requests and streams have a request ID and one log record.
func TestRequestIDWithoutCall(t *testing.T) {
	f := newTestFront(stubService{})
	paths := []string{"/nothing", "/v1%2Fagents", "/v1/agents/7/events", "/v1/agents/7/events?nobody=1"}
	for _, path := range paths {
		w := f.send("GET", path, "", func(r *http.Request) { r.Header.Set("X-Request-Id", "their-8") })
		if got := w.Header().Get("X-Request-Id"); got != "their-8" {
			t.Errorf("%s: request ID %q", path, got)
		}
	}
	if got := strings.Count(f.log.String(), `"request_id":"their-8"`); got != len(paths) {
		t.Errorf("%d records with the request ID, want %d:\n%s", got, len(paths), f.log)
	}
}
