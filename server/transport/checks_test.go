package transport_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func checkHeader(t *testing.T, header http.Header) {
	t.Helper()
	if got := header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	for name := range header {
		if strings.HasPrefix(name, "Grpc-") {
			t.Errorf("header %s leaks from gRPC", name)
		}
	}
}

func (c contractCase) checkRetryAfter(t *testing.T, header http.Header) {
	t.Helper()
	if got, want := header.Get("Retry-After"), strings.TrimSuffix(c.Want.Retry, "s"); got != want {
		t.Errorf("Retry-After %q, want %q", got, want)
	}
}

func checkReply(t *testing.T, got, want []byte) {
	t.Helper()
	if !jsonEqual(t, got, want) {
		t.Errorf("reply %s, want %s", got, want)
	}
}

// checkStatus compares an error with the case; named gives a field the name it
// has on this front.
func (c contractCase) checkStatus(t *testing.T, got *spb.Status, named func(string) string) {
	t.Helper()
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + c.Want.Code + `"`)); err != nil {
		t.Fatal(err)
	}
	if codes.Code(got.GetCode()) != code {
		t.Errorf("code %v, want %v (%s)", codes.Code(got.GetCode()), code, got.GetMessage())
	}
	var violations []string
	retry := ""
	reason := &errdetails.ErrorInfo{}
	for _, detail := range status.FromProto(got).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				violations = append(violations, v.GetField())
			}
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration().String()
		default:
			t.Errorf("unexpected detail %T", d)
		}
	}
	wantInfo := &errdetails.ErrorInfo{Domain: "agentconf", Reason: c.Want.Reason, Metadata: map[string]string{
		"outcome": c.Want.Outcome, "operation": strings.ToLower(c.RPC[:1]) + c.RPC[1:],
	}}
	if c.Want.Retcode != "" {
		wantInfo.Metadata["retcode"] = c.Want.Retcode
	}
	if !proto.Equal(reason, wantInfo) {
		t.Errorf("ErrorInfo %v, want %v", reason, wantInfo)
	}
	var wantViolations []string
	for _, field := range c.Want.Violations {
		wantViolations = append(wantViolations, named(field))
	}
	if !slices.Equal(violations, wantViolations) {
		t.Errorf("violations %v, want %v", violations, wantViolations)
	}
	if retry != c.Want.Retry {
		t.Errorf("retry delay %q, want %q", retry, c.Want.Retry)
	}
	c.checkSecrets(t, "the message", got.GetMessage())
}

// checkGateway holds what the gateway got against the documentation: method,
// path, headers and body, once; or nothing at all.
func (c contractCase) checkGateway(t *testing.T, f *fronts) {
	t.Helper()
	got := f.gateway.received()
	if c.Gateway == nil || c.Gateway.Fault == "refuse" {
		if len(got) > 0 {
			t.Errorf("the gateway was reached: %v", got)
		}
		return
	}
	if len(got) != 1 {
		t.Fatalf("the gateway got %d requests, want 1", len(got))
	}
	r := got[0]
	if want := c.line(); r.line != want {
		t.Errorf("request %q, want %q", r.line, want)
	}
	wantHeader := http.Header{
		"Content-Type":   {"application/json; charset=UTF-8"},
		"Content-Length": r.header["Content-Length"], // read by the server, or the body would not be whole
	}
	if len(c.GUID) > 0 {
		wantHeader["Guid"] = c.GUID
	}
	if !reflect.DeepEqual(r.header, wantHeader) || r.host != "gateway.test:8043" {
		t.Errorf("headers %v of host %s, want %v", r.header, r.host, wantHeader)
	}
	if string(c.Sent) == "null" {
		if r.body != "" {
			t.Errorf("the gateway got %s, want no body", r.body)
		}
	} else if !jsonEqual(t, []byte(r.body), c.Sent) {
		t.Errorf("the gateway got %s, want %s", r.body, c.Sent)
	}
}

// checkSecrets looks for what no text may repeat.
func (c contractCase) checkSecrets(t *testing.T, where, text string) {
	t.Helper()
	secrets := append([]string{"88887946", "1136287.V3", "opensesame"}, c.GUID...)
	for _, s := range secrets {
		if len(s) > 4 && strings.Contains(text, s) {
			t.Errorf("%s repeats %q: %s", where, s, text)
		}
	}
}

func jsonEqual(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return reflect.DeepEqual(x, y)
}

// camelCase turns the name of a field into its JSON name.
func camelCase(field string) string {
	return underscore.ReplaceAllStringFunc(field, func(s string) string { return strings.ToUpper(s[1:]) })
}

var underscore = regexp.MustCompile(`_[a-z]`)
