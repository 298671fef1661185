package jsonfront

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/leaktest"
	"agentconf/server/internal/outcome"
)

// statusOn returns the HTTP status of a rejected request: that of REST, and 200 in the gateway
// dialect, where some clients read no other reply.
func statusOn(path string, onREST int) int {
	if strings.HasPrefix(path, gatewayRoot) {
		return http.StatusOK
	}
	return onREST
}

func TestWrongMethod(t *testing.T) {
	f := newTestFront(stubService{})
	for _, path := range []string{holdGateway, holdREST} {
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "BREW"} {
			w := f.send(method, path, holdBody, nil)
			if w.Code != statusOn(path, http.StatusMethodNotAllowed) || w.Header().Get("Allow") != "POST" {
				t.Errorf("%s %s: HTTP status %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
			body := w.Body.Bytes()
			if path == holdGateway && retcodeIn(t, body) != "000-002" || path == holdREST && reasonOf(t, body) != "NO_SUCH_OPERATION" {
				t.Errorf("%s %s: %s", method, path, body)
			}
		}
	}
	f.checkNoCall(t)
}

// All methods that a path has operations for are allowed, before and after routes are
// cached.
func TestAllowedMethods(t *testing.T) {
	f := newTestFront(stubService{})
	for range 2 {
		w := f.send("PATCH", "/agentgateway/resource/onlineagent/1287/forcelogout", "", nil)
		if got := w.Header().Get("Allow"); got != "DELETE" {
			t.Errorf("Allow %q, want DELETE", got)
		}
		f.send("DELETE", "/agentgateway/resource/onlineagent/1287/forcelogout", "", nil)
		f.takeCall(t)
	}
}

// Neither a header nor a form changes the method of a request.
func TestMethodOverride(t *testing.T) {
	f := newTestFront(stubService{})
	for _, method := range []string{"GET", "PUT"} {
		w := f.send(method, holdGateway, holdBody, func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "POST") })
		if w.Code != http.StatusOK || retcodeIn(t, w.Body.Bytes()) != "000-002" {
			t.Errorf("%s: HTTP status %d", method, w.Code)
		}
	}
	w := f.sendHold(holdGateway, func(r *http.Request) {
		r.Header.Set("X-HTTP-Method-Override", "DELETE")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	if w.Code != http.StatusOK {
		t.Errorf("POST: HTTP status %d", w.Code)
	}
	f.takeCall(t)
}

// A path leads to the agent that it names, unharmed, or to no operation.
func TestPaths(t *testing.T) {
	f := newTestFront(stubService{})
	const none = "no operation"
	for path, agentID := range map[string]string{
		"/":                                      none,
		"/agentgateway/resource/agentconf/1287":  none,
		"/agentgateway/resource/agentconf/1287/": none,
		"/agentgateway/resource/agentconf/1287/holdparticipant/":              "1287",
		"//agentgateway/resource///agentconf/1287/holdparticipant//":          "1287",
		"/v1/agents/1287/conference:holdParticipant/":                         none,
		"/v1//agents/1287/conference:holdParticipant":                         none,
		"/agentgateway/resource/agentconf/1287/HOLDPARTICIPANT":               none,
		"/agentgateway/resource/agentconf/1287/../1288/holdparticipant":       none,
		"/agentgateway/resource/agentconf/1287%2f1288/holdparticipant":        none,
		"/agentgateway/resource/agentconf/1287%2F..%2F1288/holdparticipant":   none,
		"/agentgateway/resource/agentconf/../agentconf/1287/holdparticipant":  none,
		"/agentgateway/resource%2Fagentconf/1287/holdparticipant":             none,
		"/agentgateway/resource//agentconf/1287/holdparticipant":              "1287",
		"/agentgateway/resource/agentconf/%2e%2e/holdparticipant":             "..",
		"/agentgateway/resource/agentconf//holdparticipant":                   none,
		"/agentgateway/resource/agentconf/1287%00/holdparticipant":            "1287\x00",
		"/agentgateway/resource/agentconf/1287;x=y/holdparticipant":           "1287;x=y",
		"/agentgateway/resource/agentconf/1287%3Fx/holdparticipant":           "1287?x",
		"/agentgateway/resource/agentconf/1287%25/holdparticipant":            "1287%",
		"/agentgateway/resource/agentconf/%ff/holdparticipant":                "\xff",
		"/agentgateway/resource/agentconf/%EF%BC%91%EF%BC%92/holdparticipant": "\uff11\uff12",
		"/v1/agents/1287/conference":                                          none,
		"/v1/agents/1287/conference:":                                         none,
		"/v1/agents/1287/conference:holdparticipant":                          none,
		"/v1/agents/1287/conference:holdParticipant:holdParticipant":          none,
		"/v1/agents/1287/conference%3AholdParticipant/x":                      none,
		"/v1/agents%2f1287/conference:holdParticipant":                        none,
	} {
		for range 2 { // the second time the route may be cached
			w := f.sendHold(path, nil)
			if agentID != none {
				if got := f.takeCall(t).request.(*agentconfv1.HoldParticipantRequest).GetAgentId(); got != agentID {
					t.Errorf("%s calls for agent %q, want %q", path, got, agentID)
				}
				continue
			}
			f.checkNoCall(t)
			if w.Code != statusOn(path, http.StatusNotFound) || !bytes.Contains(w.Body.Bytes(), []byte("docs/api.md lists them")) {
				t.Errorf("%s: HTTP status %d, %s", path, w.Code, w.Body)
			}
			if strings.HasPrefix(path, "/agentgateway") && retcodeIn(t, w.Body.Bytes()) != "000-002" {
				t.Errorf("%s: %s", path, w.Body)
			}
		}
	}
}

// Every violation of a body is reported, on REST.
func TestBodyViolations(t *testing.T) {
	f := newTestFront(stubService{})
	const body = `{"playMode":"x","address":"1","address":"2","agentId":"1","nobody":1,"8888 7946":1,"voicePath":null}`
	w := f.send("POST", holdREST, body, nil)
	f.checkRejected(t, w, "playMode: must be a whole number", "address: occurs twice",
		"agentId: must be in the path, not in the body", "nobody: is not a field of this request",
		"body: is not a field of this request")
	w = f.send("POST", holdGateway, body, nil) // where the unknown fields are ignored
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "wrong: playMode must be a whole number; address occurs twice.") {
		t.Errorf("HTTP status %d: %s", w.Code, w.Body)
	}
	f.checkNoCall(t)
}

// A violation within a list names the place of its object.
func TestBodyViolationsInList(t *testing.T) {
	f := newTestFront(stubService{})
	const path = "/v1/agents/1287/conference:batchAddParticipant"
	w := f.send("POST", path, `{"addresses":[{"address":"1","address":"2"}, 7, {"addressType":6,"nobody":[]}],"caller":{}}`, nil)
	f.checkRejected(t, w, "addresses[0].address: occurs twice", "addresses[1]: must be an object",
		"addresses[2].addressType: must be a string", "addresses[2].nobody: is not a field of this request",
		"caller: must be a string")
	w = f.send("POST", path, `{"addresses":{}}`, nil)
	f.checkRejected(t, w, "addresses: must be an array")
}

// An error of the service is a google.rpc.Status on REST and an envelope in the gateway
// dialect.
func TestErrorStyles(t *testing.T) {
	for _, c := range []struct {
		err        *outcome.Error
		httpStatus int // on REST
		retcode    string
		gateway    int // HTTP status in the gateway dialect
		header     map[string]string
	}{
		{outcome.MissingGUID("holdParticipant"), 401, "000-003", 200, map[string]string{"WWW-Authenticate": "Guid"}},
		{outcome.Invalid("holdParticipant", outcome.Violation{Field: "address_type", Description: "must be 6"}), 400, "000-002", 200, nil},
		{outcome.Overload("holdParticipant"), 429, "100-007", 503, map[string]string{"Retry-After": "1"}},
		{outcome.Fault("holdParticipant", errors.New("cause")), 500, "100-007", 502, nil},
		{&outcome.Error{Code: codes.Aborted, Outcome: outcome.NotApplied}, 409, "000-007", 200, nil},
		{&outcome.Error{Code: codes.FailedPrecondition, Outcome: outcome.NotApplied}, 400, "100-007", 200, nil},
		{outcome.GUIDStale.Error("", "stale", nil), 401, "000-003", 200, map[string]string{"Retry-After": "10"}},
		{outcome.SessionEnded.Error("", "ended", nil), 401, "000-003", 200, map[string]string{"Retry-After": "10"}},
		{&outcome.Error{Code: codes.DeadlineExceeded, Outcome: outcome.Unknown}, 504, "100-007", 504, nil},
		{&outcome.Error{Code: codes.Unknown, Retcode: "101-002", GatewayMessage: "no"}, 500, "101-002", 200, nil},
	} {
		f := newTestFront(stubService{hold: func(context.Context, *agentconfv1.HoldParticipantRequest) error { return c.err }})
		w := f.sendHold(holdREST, nil)
		if w.Code != c.httpStatus || w.Header().Get("Content-Type") != "application/json" || statusOf(t, w.Body.Bytes()).Code() != c.err.Code {
			t.Errorf("%v on REST: HTTP status %d, %v, %s", c.err, w.Code, w.Header(), w.Body)
		}
		for name, want := range c.header {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%v: %s %q, want %q", c.err, name, got, want)
			}
		}
		if len(c.err.Violations) > 0 {
			if got := violationsOf(t, w.Body.Bytes()); !slices.Equal(got, []string{"addressType: must be 6"}) {
				t.Errorf("violations %q", got)
			}
		}
		w = f.sendHold(holdGateway, nil)
		if w.Code != c.gateway || w.Header().Get("Content-Type") != "application/json;charset=UTF-8" || retcodeIn(t, w.Body.Bytes()) != c.retcode {
			t.Errorf("%v in the gateway dialect: HTTP status %d, %v, %s", c.err, w.Code, w.Header(), w.Body)
		}
		for name, want := range map[string]string{"Agentconf-Outcome": string(c.err.Outcome), "Agentconf-Reason": string(c.err.Reason)} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%v: %s %q, want %q", c.err, name, got, want)
			}
		}
	}
}

// The text of a service's error never decides which field is at fault.
func TestErrorTextIsNotParsed(t *testing.T) {
	f := newTestFront(stubService{hold: func(context.Context, *agentconfv1.HoldParticipantRequest) error {
		return status.Error(codes.InvalidArgument, `parsing field "address": type mismatch, parameter: address`)
	}})
	w := f.sendHold(holdREST, nil)
	if got := reasonOf(t, w.Body.Bytes()); w.Code != http.StatusInternalServerError || got != "INTERNAL" {
		t.Errorf("HTTP status %d, reason %s: %s", w.Code, got, w.Body)
	}
}

// A reply, byte by byte, in both dialects. Some clients compare it so.
func TestReplies(t *testing.T) {
	f := newTestFront(stubService{guid: someGUID})
	for path, want := range map[string]string{
		holdREST:    `{"message":"success","retcode":"0"}`,
		holdGateway: `{"message":"success","retcode":"0"}`,
		"/agentgateway/resource/onlineagent/1287/handshake": `{"message":"","retcode":"0"}`,
		"/v1/agents/1287/session:handshake":                 `{"message":"","retcode":"0","guid":"` + someGUID + `"}`,
	} {
		body := "{}"
		w := f.send("POST", path, body, nil)
		if got := w.Body.String(); got != want || w.Header().Get("Content-Length") != fmt.Sprint(len(want)) {
			t.Errorf("%s: %s, %v, want %s", path, got, w.Header(), want)
		}
		for name := range w.Header() {
			if strings.HasPrefix(name, "Grpc-") {
				t.Errorf("%s: header %s comes from gRPC", path, name)
			}
		}
	}
}

// A reply has a length and no trailers, even if the client accepts trailers.
func TestReplyHasNoTrailers(t *testing.T) {
	f := newTestFront(stubService{})
	w := f.sendHold(holdREST, func(r *http.Request) { r.Header.Set("TE", "trailers") })
	if h := w.Header(); h.Get("Content-Length") == "" || h.Get("Trailer") != "" || h.Get("Transfer-Encoding") != "" {
		t.Errorf("headers %v", h)
	}
}

// The empty reply of a poll, byte by byte. Some clients compare it so.
func TestEmptyPoll(t *testing.T) {
	f := newTestFront(stubService{})
	w := f.send("GET", "/agentgateway/resource/agentevent/1287", "", nil)
	if got, want := w.Body.String(), `{"message":"","retcode":"0"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// exchange writes text to a connection of its own to a server and reads to its end.
func exchange(t *testing.T, h http.Handler, text string) string {
	t.Helper()
	leaktest.Check(t)
	server := httptest.NewServer(h)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(reply)
}

// Some clients compare the header of a new GUID byte by byte.
func TestSetGUIDIsSpelledAsByTheGateway(t *testing.T) {
	f := newTestFront(stubService{guid: someGUID})
	reply := exchange(t, f, "POST /agentgateway/resource/onlineagent/1287/handshake HTTP/1.1\r\nHost: a\r\n"+
		"Guid: "+someGUID+"\r\nservice_token: crm-1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	if !strings.Contains(reply, "\r\nSet-GUID: JSESSIONID="+someGUID+"\r\n") {
		t.Errorf("reply %s", reply)
	}
	if got := f.takeCall(t).metadata.Get("service_token"); !slices.Equal(got, []string{"crm-1"}) {
		t.Errorf("metadata service_token is %q", got)
	}
}

// A GUID that the gateway issued with an answer, and its cookies, are in the response of any
// operation and dialect, also with an error.
func TestSetGUIDOfAnyAnswer(t *testing.T) {
	refusal := outcome.GUIDMissing.Error("holdParticipant", "refused", nil)
	for _, path := range []string{holdREST, holdGateway} {
		for _, err := range []error{nil, refusal} {
			f := newTestFront(stubService{hold: func(ctx context.Context, _ *agentconfv1.HoldParticipantRequest) error {
				set := grpc.SetHeader
				if err != nil {
					set = grpc.SetTrailer
				}
				if err := set(ctx, metadata.Pairs("set-guid", someGUID, "other", "x",
					"set-cookie", "a=1; Path=/", "set-cookie", "b=2")); err != nil {
					t.Error(err)
				}
				return err
			}})
			w := f.send("POST", path, holdBody, nil)
			header := map[string][]string(w.Header()) // spelled as the gateway spells it
			if got := header["Set-GUID"]; !slices.Equal(got, []string{"JSESSIONID=" + someGUID}) || header["Other"] != nil ||
				!slices.Equal(header["Set-Cookie"], []string{"a=1; Path=/", "b=2"}) {
				t.Errorf("%s, error %v: header %v, body %s", path, err, header, w.Body)
			}
		}
	}
}
