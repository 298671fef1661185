package interceptor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
)

// refusal is an error that the gateway's answer caused.
func refusal() *outcome.Error {
	kind := outcome.Kind{Code: codes.PermissionDenied, Reason: "NOT_CHAIRPERSON", Outcome: outcome.NotApplied}
	e := kind.Error("holdParticipant", "A text with 88887946.", errors.New("the cause"))
	e.Retcode, e.GatewayMessage = "101-002", "a message with 88887946"
	return e
}

// strange is an error that an answer with something else than a retcode caused.
func strange() *outcome.Error {
	e := outcome.AnswerLost.Error("", "", nil)
	e.Retcode = "no retcode"
	return e
}

var errorRecords = []struct {
	err  error
	want map[string]any
}{
	{refusal(), map[string]any{
		"level": "INFO", "code": "PermissionDenied", "reason": "NOT_CHAIRPERSON", "outcome": "not_applied",
		"retcode": "101-002", "cause": "the cause",
	}},
	{outcome.AnswerLost.Error("", "", nil), map[string]any{
		"level": "WARN", "code": "Unknown", "reason": "OUTCOME_UNKNOWN", "outcome": "unknown", "retcode": nil, "cause": nil,
	}},
	{strange(), map[string]any{"level": "WARN", "retcode": "other"}},
	{outcome.Fault("", errors.New("the cause")), map[string]any{
		"level": "ERROR", "code": "Internal", "reason": "INTERNAL", "outcome": "unknown", "cause": "the cause",
	}},
	{fmt.Errorf("wrapped: %w", outcome.AnswerTimedOut.Error("", "", nil)), map[string]any{
		"level": "WARN", "code": "DeadlineExceeded", "reason": "OUTCOME_UNKNOWN",
	}},
	{status.Error(codes.Unimplemented, "not an error of agentconf"), map[string]any{
		"level": "INFO", "code": "Unimplemented", "reason": nil, "outcome": nil,
	}},
}

// A call has one log record, with its level by the outcome. The record has no text of
// the error and no phone number.
func TestRecordOfUnaryCall(t *testing.T) {
	f := newFixture(interceptor.Options{})
	for _, test := range errorRecords {
		if _, err := f.hold(t.Context(), returns(test.err)); err != test.err {
			t.Errorf("error %v, want that of the handler", err)
		}
		record := f.log.only(t)
		checkFields(t, record, test.want)
		checkFields(t, record, map[string]any{"msg": "call", "operation": "holdParticipant", "agent": "1287"})
		if text := fmt.Sprint(record); strings.Contains(text, "88887946") {
			t.Errorf("the record has a phone number: %s", text)
		}
	}
	resp, err := f.hold(t.Context(), returns(nil))
	if _, ok := resp.(*agentconfv1.HoldParticipantResponse); !ok || err != nil {
		t.Errorf("response %v, error %v", resp, err)
	}
	record := f.log.only(t)
	checkFields(t, record, map[string]any{
		"level": "INFO", "operation": "holdParticipant", "agent": "1287",
		"code": "OK", "retcode": "0", "outcome": "applied", "reason": nil,
	})
	for _, key := range []string{"time", "took", "request_id"} {
		if record[key] == nil {
			t.Errorf("no %s in %v", key, record)
		}
	}
}

// A stream has its record at the end. An end without an error is no answer of the
// gateway.
func TestRecordOfStream(t *testing.T) {
	f := newFixture(interceptor.Options{})
	for _, test := range errorRecords {
		err := f.watch(newStream(t), func(service any, s grpc.ServerStream) error {
			if records := f.log.take(t); len(records) > 0 {
				t.Errorf("records before the end: %v", records)
			}
			return receives(test.err)(service, s)
		})
		if err != test.err {
			t.Errorf("error %v, want that of the handler", err)
		}
		record := f.log.only(t)
		checkFields(t, record, test.want)
		checkFields(t, record, map[string]any{"operation": "watchAgentEvents", "agent": "1287"})
	}
	if err := f.watch(newStream(t), receives(nil)); err != nil {
		t.Error(err)
	}
	checkFields(t, f.log.only(t), map[string]any{
		"level": "INFO", "operation": "watchAgentEvents", "code": "OK", "agent": "1287", "retcode": nil, "outcome": nil,
	})
}

// A record names an agent only if its ID has the form of one. Anything else may be
// confidential.
func TestRecordedAgent(t *testing.T) {
	f := newFixture(interceptor.Options{})
	for id, want := range map[string]string{
		"1287": "1287", "999999": "999999", "1": "1", "": "",
		"88887946": "", "12a7": "", "１２": "", "-1": "", "1287 ": "",
	} {
		f.holdBy(t.Context(), id, returns(nil))
		checkFields(t, f.log.only(t), map[string]any{"agent": want})
		s := newStream(t)
		s.agentID = id
		f.watch(s, receives(nil))
		checkFields(t, f.log.only(t), map[string]any{"agent": want})
	}
	f.watch(newStream(t), func(any, grpc.ServerStream) error { return nil }) // no request
	checkFields(t, f.log.only(t), map[string]any{"agent": ""})
}

// Records below the level of the log are not written.
func TestLogLevel(t *testing.T) {
	text := &log{}
	i := interceptor.New(interceptor.Options{
		Log:     slog.New(slog.NewJSONHandler(text, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Metrics: prometheus.NewRegistry(), MaxInFlight: 1,
	})
	agentconfv1.RegisterConferenceServiceServer(i, agentconfv1.UnimplementedConferenceServiceServer{})
	f := &fixture{Interceptor: i, log: text}
	f.hold(t.Context(), returns(nil))
	f.hold(t.Context(), returns(refusal()))
	f.hold(t.Context(), returns(outcome.AnswerLost.Error("", "", nil)))
	checkFields(t, text.only(t), map[string]any{"level": "WARN"})
}

// Calls of methods that are not registered pass without a log record and a series.
func TestUnregisteredMethod(t *testing.T) {
	f := newFixture(interceptor.Options{})
	const method = "/grpc.health.v1.Health/Check"
	want := errors.New("of the handler")
	_, err := f.Unary(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: method}, returns(want))
	if err != want {
		t.Errorf("unary: %v", err)
	}
	s := newStream(t)
	err = f.Stream(nil, s, &grpc.StreamServerInfo{FullMethod: method}, func(_ any, got grpc.ServerStream) error {
		if got != grpc.ServerStream(s) {
			t.Error("the stream is wrapped")
		}
		return want
	})
	if err != want || len(s.header)+len(s.trailer) > 0 {
		t.Errorf("stream: %v, header %v, trailer %v", err, s.header, s.trailer)
	}
	if records := f.log.take(t); len(records) > 0 {
		t.Errorf("records %v", records)
	}
}

// A request that a front rejects before it is a call has a record with its request ID.
func TestLogRejected(t *testing.T) {
	text := &log{}
	ctx := newStream(t, interceptor.RequestIDKey, "their-1").ctx
	interceptor.LogRejected(ctx, slog.New(slog.NewJSONHandler(text, nil)), outcome.Invalid("holdParticipant"))
	checkFields(t, text.only(t), map[string]any{
		"level": "INFO", "msg": "call", "operation": "holdParticipant", "code": "InvalidArgument",
		"reason": "INVALID_ARGUMENT", "outcome": "not_applied", "agent": "", "request_id": "their-1",
	})
}

func TestOperationName(t *testing.T) {
	for method, want := range map[string]string{
		agentconfv1.ConferenceService_HoldParticipant_FullMethodName: "holdParticipant", "/": "", "": "",
	} {
		if got := interceptor.OperationName(method); got != want {
			t.Errorf("%q: %q, want %q", method, got, want)
		}
	}
}
