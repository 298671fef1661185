//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// failure is an error as agentconf makes it.
func failure(code codes.Code, reason, outcome string) error {
	s, err := status.New(code, "no").WithDetails(&errdetails.ErrorInfo{
		Reason: reason, Domain: "agentconf", Metadata: map[string]string{"outcome": outcome},
	})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

func TestTold(t *testing.T) {
	for _, test := range []struct {
		err  error
		want outcome
	}{
		{nil, applied},
		{failure(codes.FailedPrecondition, "NO_CONFERENCE", "not_applied"), notApplied},
		{failure(codes.Unavailable, "GATEWAY_UNREACHABLE", "not_applied"), notReached},
		{failure(codes.Unknown, "OUTCOME_UNKNOWN", "unknown"), unknown},
		{status.Error(codes.Unavailable, "connection refused"), unknown},
		{errors.New("not even a status"), unknown},
	} {
		if got := told(test.err); got != test.want {
			t.Errorf("%v tells %s, want %s", test.err, got, test.want)
		}
	}
}

func TestLie(t *testing.T) {
	for _, test := range []struct {
		account account
		lie     bool
	}{
		{account{applied, 1, 1}, false},
		{account{applied, 0, 0}, true},
		{account{applied, 1, 0}, true},
		{account{notApplied, 0, 0}, false},
		{account{notApplied, 1, 0}, false},
		{account{notApplied, 1, 1}, true},
		{account{notReached, 0, 0}, false},
		{account{notReached, 1, 0}, true},
		{account{unknown, 0, 0}, false},
		{account{unknown, 1, 0}, false},
		{account{unknown, 1, 1}, false},
		{account{unknown, 2, 1}, true},
		{account{"", 1, 1}, true},
	} {
		if lie := test.account.lie(); (lie != "") != test.lie {
			t.Errorf("%+v: %q", test.account, lie)
		}
	}
}

const gatewayLog = `{"seq":1,"operation":"requestAgentConf","agentId":"1001","body":{"memberNum":20},"retcode":"0","applied":true}
{"seq":2,"operation":"batchAddParticipant","agentId":"1001","body":{"addresses":[{"addressType":"6","address":"1"}]},"retcode":"0","applied":true}
{"seq":3,"operation":"holdParticipant","agentId":"1001","body":{"address":"1","addressType":"6","voicePath":"x"},"retcode":"000-003","applied":false}
{"seq":4,"operation":"holdParticipant","agentId":"1001","body":{"address":"2","addressType":"6","voicePath":"x"},"retcode":"0","applied":true}
`

// The logs of one gateway after another are compared with what callers were told.
func TestLedger(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.log")
	if err := os.WriteFile(file, []byte(gatewayLog), 0o600); err != nil {
		t.Fatal(err)
	}
	var l ledger
	l.tell(subject{"batchAddParticipant", "1"}, applied)
	l.tell(subject{"holdParticipant", "1"}, notApplied)
	l.tell(subject{"holdParticipant", "2"}, unknown)
	l.tell(subject{"holdParticipant", "3"}, notReached)
	if err := l.read(file); err != nil {
		t.Fatal(err)
	}
	if compared, lies := l.lies(); compared != 4 || len(lies) != 0 {
		t.Errorf("%d compared, lies %q", compared, lies)
	}
	if err := l.read(file); err != nil { // everything came twice
		t.Fatal(err)
	}
	if _, lies := l.lies(); len(lies) != 3 {
		t.Errorf("lies %q, want 3", lies)
	}
}

func TestLedgerRejects(t *testing.T) {
	var l ledger
	for _, line := range []string{
		`{"seq":1,"operation":"holdParticipant"`,
		`{"seq":1,"operation":"batchAddParticipant","body":{"addresses":[{"address":"1"},{"address":"2"}]}}`,
	} {
		if err := l.enter([]byte(line)); err == nil {
			t.Errorf("%s: want an error", line)
		}
	}
}
