package operation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/outcome"
)

var hold = Operation{Name: "holdParticipant", Request: &agentconfv1.HoldParticipantRequest{
	AgentId: "1287", AddressType: PhoneNumber, Address: "88887946",
}}

// Every reason has the form that AIP-193 asks for, and belongs to one code.
func TestMeanings(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`)
	codeOf := map[outcome.Reason]codes.Code{}
	for retcode, m := range meanings {
		if !form.MatchString(string(m.reason)) {
			t.Errorf("%s: reason %q", retcode, m.reason)
		}
		if code, ok := codeOf[m.reason]; ok && code != m.code {
			t.Errorf("%s: reason %s has two codes, %v and %v", retcode, m.reason, code, m.code)
		}
		codeOf[m.reason] = m.code
		if m.text == "" || strings.HasSuffix(m.text, ".") {
			t.Errorf("%s: text %q is not the middle of a sentence", retcode, m.text)
		}
	}
}

// A text of the gateway is bounded before it is passed on: it travels in a trailer and
// stands on one line.
func TestGatewayTextIsBounded(t *testing.T) {
	err := hold.failure(&gateway.Error{
		Kind:    gateway.Refused,
		Retcode: strings.Repeat("9", 1<<20),
		Message: strings.Repeat("line\nÿ\u202e88887946 ", 1<<16),
	}, "guid")
	st := status.Convert(err)
	if len(st.Message()) > 2048 || strings.ContainsAny(st.Message(), "\n\u202e") || !utf8.ValidString(st.Message()) {
		t.Errorf("message of %d bytes: %.200q", len(st.Message()), st.Message())
	}
	if strings.Contains(st.Message(), "88887946") {
		t.Errorf("the message repeats the phone number: %.200s", st.Message())
	}
	info := st.Details()[0].(*errdetails.ErrorInfo)
	if got := len(info.GetMetadata()["retcode"]); got > 64 {
		t.Errorf("retcode of %d bytes", got)
	}
}

// Each way in which a request fails has its code, reason and outcome, and a text that
// says whether something was sent.
func TestFailure(t *testing.T) {
	refused := errors.New("connection refused")
	for _, test := range []struct {
		err  error
		want outcome.Kind
		text string
	}{
		{&gateway.Error{Kind: gateway.NotSent, Err: context.Canceled}, outcome.CallCancelled, "before anything was sent"},
		{&gateway.Error{Kind: gateway.NotSent, Err: refused}, outcome.GatewayUnreachable, "could not be reached and nothing was sent"},
		{&gateway.Error{Kind: gateway.NotSent, Err: os.ErrDeadlineExceeded}, outcome.GatewayUnreachable, "was not reached in time and nothing was sent"},
		{&gateway.Error{Kind: gateway.NotSent, Err: context.DeadlineExceeded}, outcome.GatewayUnreachable, "was not reached in time and nothing was sent"},
		{&gateway.Error{Kind: gateway.NotSent, Err: gateway.CircuitOpen{RetryAfter: 1}}, outcome.CircuitOpen, "nothing was sent"},
		{&gateway.Error{Kind: gateway.Broken, Err: context.Canceled}, outcome.AnswerAbandoned, "after the request was sent"},
		{&gateway.Error{Kind: gateway.TimedOut, Err: os.ErrDeadlineExceeded}, outcome.AnswerTimedOut, "did not answer in time. Look at"},
		{&gateway.Error{Kind: gateway.Broken, Err: refused}, outcome.AnswerLost, "no answer came back that can be trusted. Look at"},
		{errors.New("not an error of the gateway's client"), outcome.Internal, "agentconf has failed"},
	} {
		e := hold.failure(test.err, "guid")
		if e.Code != test.want.Code || e.Reason != test.want.Reason || e.Outcome != test.want.Outcome {
			t.Errorf("%v: %v, %s, %s, want %+v", test.err, e.Code, e.Reason, e.Outcome, test.want)
		}
		if !strings.Contains(e.Error(), test.text) || !errors.Is(e, test.err) {
			t.Errorf("%v: text %q, cause %v", test.err, e, e.Cause)
		}
	}
}

// A retcode says what happened, except one with code UNKNOWN or without a meaning.
func TestRefusal(t *testing.T) {
	for retcode, want := range map[string]string{
		"101-002": "PermissionDenied NOT_CHAIRPERSON not_applied",
		"000-004": "Unavailable SWITCHING_OVER not_applied",
		"100-007": "Unknown GATEWAY_EXCEPTION unknown",
		"999-999": "Unknown UNMAPPED_RETCODE unknown",
	} {
		e := hold.failure(&gateway.Error{Kind: gateway.Refused, Retcode: retcode, Message: "because of 88887946"}, "guid")
		if got := fmt.Sprint(e.Code, " ", e.Reason, " ", e.Outcome); got != want || e.Retcode != retcode {
			t.Errorf("%s: %s, want %s", retcode, got, want)
		}
		if e.GatewayMessage != "because of ****46" || !strings.Contains(e.Error(), `said "because of ****46"`) {
			t.Errorf("%s: message %q in %q", retcode, e.GatewayMessage, e)
		}
		if wait := e.RetryAfter > 0; wait != (e.Code == codes.Unavailable) {
			t.Errorf("%s: retry after %v", retcode, e.RetryAfter)
		}
	}
}

// A caller waits as long as the circuit of the gateway is open. The advice after an
// unknown outcome is that of the operation.
func TestAdvice(t *testing.T) {
	op := hold
	e := op.failure(&gateway.Error{Kind: gateway.NotSent, Err: gateway.CircuitOpen{RetryAfter: 7}}, "guid")
	if e.RetryAfter != 7 {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	const advice = "Find out whether the agent is signed in"
	op.Advice = advice
	lost := op.failure(&gateway.Error{Kind: gateway.Broken, Err: errors.New("broken")}, "guid")
	if want := "holdParticipant by agent 1287 on phone ****46 may have been applied: " +
		"the request was sent and no answer came back that can be trusted. " + advice + "."; lost.Text != want {
		t.Errorf("text %s, want %s", lost.Text, want)
	}
}
