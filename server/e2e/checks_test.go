package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"agentconf/conformance"
)

func checkHeader(t *testing.T, path string, header http.Header) {
	t.Helper()
	want := "application/json"
	if strings.HasPrefix(path, "/agentgateway/") {
		want = "application/json;charset=UTF-8"
	}
	if got := header.Get("Content-Type"); got != want {
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
		"outcome": c.Want.Outcome, "operation": c.Operation(),
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

func (c contractCase) checkGateway(t *testing.T, f *fronts) {
	t.Helper()
	if err := c.CheckSent(f.gateway.Received(), "gateway.test:8043"); err != nil {
		t.Error(err)
	}
}

// checkLog looks for what the log has of a call whose caller has gone.
func (c contractCase) checkLog(t *testing.T, f *fronts) {
	t.Helper()
	synctest.Wait()
	for _, part := range []string{`"code":"Canceled"`, `"reason":"` + c.Want.Reason + `"`, `"outcome":"` + c.Want.Outcome + `"`} {
		if !strings.Contains(f.log.String(), part) {
			t.Errorf("the log lacks %s: %s", part, f.log)
		}
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
	equal, err := conformance.JSONEqual(a, b)
	if err != nil {
		t.Fatalf("%v in %s or %s", err, a, b)
	}
	return equal
}
