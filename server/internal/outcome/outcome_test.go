package outcome_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/server/internal/outcome"
)

// Every reason has the form that AIP-193 asks for, and only an unknown outcome has a
// code that does not say what happened.
func TestKinds(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`)
	for _, k := range outcome.Kinds() {
		if !form.MatchString(string(k.Reason)) {
			t.Errorf("reason %q", k.Reason)
		}
		if k.Meaning == "" || strings.HasSuffix(k.Meaning, ".") {
			t.Errorf("%s: the meaning %q is not a table cell", k.Reason, k.Meaning)
		}
		if k.Code == codes.Unknown && k.Outcome != outcome.Unknown || k.Outcome == outcome.Applied {
			t.Errorf("%s: code %v with outcome %s", k.Reason, k.Code, k.Outcome)
		}
	}
}

// A gRPC client receives code, text and details; the cause stays here.
func TestGRPCStatus(t *testing.T) {
	e := outcome.Invalid("holdParticipant", outcome.Violation{Field: "address", Description: "must be short"})
	e.Retcode, e.RetryAfter, e.Cause = "000-002", 2*time.Second, errors.New("confidential")
	st := status.Convert(e)
	if want := "holdParticipant was not applied, the request is wrong: address must be short."; st.Message() != want || st.Code() != codes.InvalidArgument {
		t.Errorf("%v, want %s", st, want)
	}
	var info *errdetails.ErrorInfo
	var bad *errdetails.BadRequest
	var retry *errdetails.RetryInfo
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.BadRequest:
			bad = d
		case *errdetails.RetryInfo:
			retry = d
		}
	}
	md := info.GetMetadata()
	if info.GetReason() != "INVALID_ARGUMENT" || info.GetDomain() != "agentconf" || md["operation"] != "holdParticipant" ||
		md["outcome"] != "not_applied" || md["retcode"] != "000-002" {
		t.Errorf("ErrorInfo %v", info)
	}
	if bad.GetFieldViolations()[0].GetField() != "address" || retry.GetRetryDelay().AsDuration() != 2*time.Second {
		t.Errorf("details %v, %v", bad, retry)
	}
}

// Logs and traces get only what looks like a retcode.
func TestLoggedRetcode(t *testing.T) {
	for retcode, want := range map[string]string{
		"": "", "101-002": "101-002", "10001": "10001", "-1": "-1", "123456789": "123456789",
		"1234567890": "other", "100-0é": "other", "Unknown": "other", "279fe21d-": "other", "1 2": "other",
	} {
		if got := (&outcome.Error{Retcode: retcode}).LoggedRetcode(); got != want {
			t.Errorf("%q: %q, want %q", retcode, got, want)
		}
	}
}

// A fault of agentconf leaves the outcome open and keeps its cause for the log.
func TestFault(t *testing.T) {
	cause := errors.New("boom")
	e := outcome.Fault("", cause)
	if e.Outcome != outcome.Unknown || !errors.Is(e, cause) || strings.Contains(e.Error(), "boom") {
		t.Errorf("%+v", e)
	}
}
