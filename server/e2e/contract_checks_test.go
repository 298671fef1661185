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
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// checkHeader checks the Content-Type, and that no header of gRPC is in an HTTP reply.
func checkHeader(t *testing.T, path string, header http.Header) {
	t.Helper()
	want := "application/json"
	if strings.HasPrefix(path, "/agentgateway/") {
		want = "application/json;charset=UTF-8"
	}
	if got := header.Get("Content-Type"); got != want {
		t.Errorf("Content-Type %q, want %q", got, want)
	}
	for name := range header {
		if strings.HasPrefix(name, "Grpc-") {
			t.Errorf("got the gRPC header %s, want none", name)
		}
	}
}

// checkIssuedGUID checks that a new GUID of the gateway is in the header.
func (c contractCase) checkIssuedGUID(t *testing.T, header http.Header) {
	t.Helper()
	if c.Gateway == nil || c.Gateway.SetGUID == "" {
		return
	}
	if got, want := header["Set-Guid"], []string{"JSESSIONID=" + c.Gateway.SetGUID}; !slices.Equal(got, want) {
		t.Errorf("Set-GUID %q, want %q", got, want)
	}
}

// checkIssuedMetadata checks that a new GUID of the gateway is in the header of a reply, or in
// the trailer of an error.
func (c contractCase) checkIssuedMetadata(t *testing.T, header, trailer metadata.MD, err error) {
	t.Helper()
	var want []string
	if c.Gateway != nil && c.Gateway.SetGUID != "" {
		want = []string{c.Gateway.SetGUID}
	}
	got, other := header, trailer
	if err != nil {
		got, other = trailer, header
	}
	if !slices.Equal(got["set-guid"], want) || other["set-guid"] != nil {
		t.Errorf("set-guid in header %q and trailer %q, error %v, want %q", header["set-guid"], trailer["set-guid"], err, want)
	}
}

// checkErrorHeader checks the headers of an error over HTTP.
func (c contractCase) checkErrorHeader(t *testing.T, header http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Retry-After": c.Want.RetryAfter(), "Agentconf-Outcome": c.Want.Outcome, "Agentconf-Reason": c.Want.Reason,
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

func checkReply(t *testing.T, got, want []byte) {
	t.Helper()
	if !jsonEqual(t, got, want) {
		t.Errorf("reply %s, want %s", got, want)
	}
}

// checkStatus compares an error with the case. fieldName returns the name of a field on
// this front.
func (c contractCase) checkStatus(t *testing.T, got *spb.Status, fieldName func(string) string) {
	t.Helper()
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + c.Want.Code + `"`)); err != nil {
		t.Fatal(err)
	}
	if codes.Code(got.GetCode()) != code {
		t.Errorf("code %v, want %v (%s)", codes.Code(got.GetCode()), code, got.GetMessage())
	}
	details := readDetails(t, got)
	c.checkErrorInfo(t, details.info)
	var wantViolations []string
	for _, field := range c.Want.Violations {
		wantViolations = append(wantViolations, fieldName(field))
	}
	if !slices.Equal(details.violations, wantViolations) {
		t.Errorf("violations %v, want %v", details.violations, wantViolations)
	}
	if details.retry != c.Want.Retry {
		t.Errorf("retry delay %q, want %q", details.retry, c.Want.Retry)
	}
	c.checkSecrets(t, "the message", got.GetMessage())
}

// errorDetails holds the details of an error.
type errorDetails struct {
	info       *errdetails.ErrorInfo
	violations []string // the fields of BadRequest
	retry      string   // the delay of RetryInfo
}

func readDetails(t *testing.T, got *spb.Status) (details errorDetails) {
	t.Helper()
	for _, detail := range status.FromProto(got).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			details.info = d
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				details.violations = append(details.violations, v.GetField())
			}
		case *errdetails.RetryInfo:
			details.retry = d.GetRetryDelay().AsDuration().String()
		default:
			t.Errorf("got detail %T, want none of this type", d)
		}
	}
	return details
}

func (c contractCase) checkErrorInfo(t *testing.T, got *errdetails.ErrorInfo) {
	t.Helper()
	want := &errdetails.ErrorInfo{Domain: "agentconf", Reason: c.Want.Reason, Metadata: map[string]string{
		"outcome": c.Want.Outcome, "operation": c.Operation(),
	}}
	if c.Want.Retcode != "" {
		want.Metadata["retcode"] = c.Want.Retcode
	}
	if !proto.Equal(got, want) {
		t.Errorf("ErrorInfo %v, want %v", got, want)
	}
}

// checkGateway compares the requests at the gateway with the case.
func (c contractCase) checkGateway(t *testing.T, f *fronts) {
	t.Helper()
	if err := c.CheckSent(f.gateway.Received(), "gateway.test:8043"); err != nil {
		t.Error(err)
	}
}

// checkLog checks the log record of a call that its caller cancelled.
func (c contractCase) checkLog(t *testing.T, f *fronts) {
	t.Helper()
	synctest.Wait()
	for _, want := range []string{
		`"rpc.response.status_code":"CANCELLED"`, `"reason":"` + c.Want.Reason + `"`, `"outcome":"` + c.Want.Outcome + `"`,
	} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("log %s, want it to contain %s", f.log, want)
		}
	}
}

// checkSecrets checks that text repeats no secret of the case.
func (c contractCase) checkSecrets(t *testing.T, where, text string) {
	t.Helper()
	secrets := append([]string{"88887946", "1136287.V3", "opensesame"}, c.GUID...)
	for _, s := range secrets {
		if len(s) > 4 && strings.Contains(text, s) {
			t.Errorf("%s repeats %q: %s", where, s, text)
		}
	}
}
