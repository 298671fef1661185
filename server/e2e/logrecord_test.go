package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/conformance"
)

// records returns the log records so far.
func (f *fronts) records() []string {
	return strings.Split(strings.TrimSpace(f.log.String()), "\n")
}

// lastRecord returns the last log record.
func (f *fronts) lastRecord() string {
	all := f.records()
	return all[len(all)-1]
}

// checkRecord checks that a log record has the fields of want.
func checkRecord(t *testing.T, record string, want map[string]any) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(record), &got); err != nil {
		t.Fatalf("%v in %s", err, record)
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %v, want %v in %s", key, got[key], value, record)
		}
	}
}

// Every call has one log record with its result, over every front.
func TestLogRecord(t *testing.T) {
	f := newFronts(t, sockets)
	reply := `{"retcode":"101-002"}`
	f.gateway.Play(conformance.Script{Reply: &reply})
	if err := f.holdGRPC(withGUID(t.Context())); status.Code(err) != codes.PermissionDenied {
		t.Fatalf("got %v, want %v", err, codes.PermissionDenied)
	}
	addRequestID := func(r *http.Request) { r.Header.Set("X-Request-Id", "their-7") }
	f.send(t, "POST", holdV1, addRequestID)
	f.send(t, "POST", holdGateway, addRequestID)
	records := f.records()
	if len(records) != 3 {
		t.Fatalf("got %d log records, want 3:\n%s", len(records), f.log)
	}
	for i, record := range records {
		checkRecord(t, record, map[string]any{
			"front": []string{"grpc", "rest", "dialect"}[i], "network.peer.address": "127.0.0.1", "trace_id": nil,
			"rpc.method": "agentconf.v1.ConferenceService/HoldParticipant",
			"operation":  "holdParticipant", "agent": "1287", "rpc.response.status_code": "PERMISSION_DENIED",
			"reason": "NOT_CHAIRPERSON", "retcode": "101-002", "outcome": "not_applied",
		})
	}
}

// A request that never becomes a call has one log record without its body.
func TestLogRecordOfRejectedRequest(t *testing.T) {
	f := newFronts(t, sockets)
	for path, want := range map[string]string{
		"/nothing": `"http.request.method":"POST","url.path":"/nothing","reason":"NO_SUCH_OPERATION"`,
		holdGateway: `"front":"dialect","operation":"holdParticipant","rpc.response.status_code":"INVALID_ARGUMENT",` +
			`"http.request.method":"POST","url.path":"` + holdGateway + `","reason":"INVALID_ARGUMENT",` +
			`"outcome":"not_applied","fields":["body"],"agent":"1287"`,
	} {
		f.send(t, "POST", path, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("88887946")), -1
		})
		if got := f.lastRecord(); !strings.Contains(got, want) || strings.Contains(got, "88887946") {
			t.Errorf("%s: log record %s, want %s and no phone number", path, got, want)
		}
	}
}
