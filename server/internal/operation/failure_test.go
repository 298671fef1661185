package operation

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentconf/server/internal/gateway"
)

// Every reason is what AIP-193 wants, and belongs to one code.
func TestMeanings(t *testing.T) {
	pattern := regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`)
	codeOf := map[string]codes.Code{}
	for retcode, m := range meanings {
		if !pattern.MatchString(m.reason) {
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

// What a gateway says is bounded before it is passed on: it travels in a trailer
// and stands on one line.
func TestGatewayTextIsBounded(t *testing.T) {
	op := operation{name: "holdParticipant", agentID: "1287", target: participant{phoneNumber, "88887946"}}
	err := op.failed(&gateway.Error{
		Kind:    gateway.Refused,
		Retcode: strings.Repeat("9", 1<<20),
		Message: strings.Repeat("line\nÿ\u202e88887946 ", 1<<16),
	})
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

// An error that this package does not know cannot say what happened.
func TestForeignError(t *testing.T) {
	err := operation{name: "holdParticipant"}.failed(errors.New("?"))
	if err.Code != codes.Internal || err.Outcome != Unknown {
		t.Errorf("%+v", err)
	}
}
