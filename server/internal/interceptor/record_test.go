package interceptor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
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
		"level": "INFO", "rpc.response.status_code": "PERMISSION_DENIED", "reason": "NOT_CHAIRPERSON", "outcome": "not_applied",
		"retcode": "101-002", "cause": "the cause",
	}},
	{outcome.AnswerLost.Error("", "", nil), map[string]any{
		"level": "WARN", "rpc.response.status_code": "UNKNOWN", "reason": "OUTCOME_UNKNOWN", "outcome": "unknown", "retcode": nil, "cause": nil,
	}},
	{strange(), map[string]any{"level": "WARN", "retcode": "other"}},
	{outcome.Fault("", errors.New("the cause")), map[string]any{
		"level": "ERROR", "rpc.response.status_code": "INTERNAL", "reason": "INTERNAL", "outcome": "unknown", "cause": "the cause",
	}},
	{fmt.Errorf("wrapped: %w", outcome.AnswerTimedOut.Error("", "", nil)), map[string]any{
		"level": "WARN", "rpc.response.status_code": "DEADLINE_EXCEEDED", "reason": "OUTCOME_UNKNOWN",
	}},
	{status.Error(codes.Unimplemented, "not an error of agentconf"), map[string]any{
		"level": "INFO", "rpc.response.status_code": "UNIMPLEMENTED", "reason": nil, "outcome": nil,
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
		"level": "INFO", "operation": "holdParticipant", "agent": "1287", "front": "grpc",
		"rpc.method": "agentconf.v1.ConferenceService/HoldParticipant", "network.peer.address": nil, "trace_id": nil,
		"rpc.response.status_code": "OK", "retcode": "0", "outcome": "applied", "reason": nil,
	})
	for _, key := range []string{"time", "duration_ms", "request_id"} {
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
		"level": "INFO", "operation": "watchAgentEvents", "rpc.response.status_code": "OK", "agent": "1287", "retcode": nil, "outcome": nil,
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

// A request that a front rejects before it is a call has a record with its request ID, the
// agent of its path, and the names of its wrong fields.
func TestRejected(t *testing.T) {
	text := &log{}
	recorder := interceptor.NewRecorder(slog.New(slog.NewJSONHandler(text, nil)))
	for path, front := range map[string]string{
		"/v1/agents/1287/conference:holdParticipant":            "rest",
		"/agentgateway/resource/agentconf/1287/holdparticipant": "dialect",
	} {
		ctx := telemetry.WithPeer(newStream(t, interceptor.RequestIDKey, "their-1", "traceparent", traceParent).ctx, "192.0.2.1")
		recorder.Rejected(httptest.NewRequestWithContext(ctx, "POST", path, nil), outcome.Invalid("holdParticipant",
			outcome.Violation{Field: "address", Description: "must be short"}, outcome.Violation{Field: "play_mode"}))
		record := text.only(t)
		checkFields(t, record, map[string]any{
			"level": "INFO", "msg": "call", "operation": "holdParticipant", "rpc.response.status_code": "INVALID_ARGUMENT",
			"reason": "INVALID_ARGUMENT", "outcome": "not_applied", "agent": "1287", "request_id": "their-1", "front": front,
			"http.request.method": "POST", "url.path": path, "network.peer.address": "192.0.2.1", "trace_id": someTrace,
		})
		if got := fmt.Sprint(record["fields"]); got != "[address play_mode]" || record["duration_ms"] == nil {
			t.Errorf("fields %s, record %v", got, record)
		}
	}
}

// A caller with a GUID who names no operation has a record. Without a GUID there is one
// record a minute for all of them, on either port.
func TestUnknownOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(interceptor.Options{})
		reject := func(any, grpc.ServerStream) error { return outcome.NoOperation("no") }
		call := func(path string, keyValues ...string) {
			info := &grpc.StreamServerInfo{FullMethod: path}
			if err := f.Stream(nil, newStream(t, keyValues...), info, reject); err == nil {
				t.Error("no error")
			}
		}
		call("/p.Service/holdparticipant", "guid", "some")
		checkFields(t, f.log.only(t), map[string]any{
			"msg": "call", "front": "grpc", "operation": "", "rpc.method": "_OTHER", "reason": "NO_SUCH_OPERATION",
			"rpc.method_original": "p.Service/holdparticipant",
		})
		for range 100 {
			call("/p.Service/88887946")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		records := f.log.take(t)
		if len(records) != 2 {
			t.Fatalf("%d records of strangers in a minute, want 2: %v", len(records), records)
		}
		checkFields(t, records[1], map[string]any{
			"level": "INFO", "count": 99.0, "front": "grpc", "rpc.method": "_OTHER", "rpc.method_original": "p.Service/*",
		})
		time.Sleep(time.Minute)
	})
}

// A path in a record has words and agent IDs only.
func TestPrintablePath(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "": "", "/wp-login.php": "/wp-login.php", "/v1/agents/1287/conference:holdParticipant": "/v1/agents/1287/conference:holdParticipant",
		"/agentgateway/resource/voicecall/1287/callout": "/agentgateway/resource/voicecall/1287/callout",
		"/agents/88887946/x":                            "/agents/*/x", "/a9b1c7.AgentGateway1/x": "/*/x", "/a b/\n/ä": "/*/*/*",
		"/" + strings.Repeat("a", 41): "/*", strings.Repeat("/secret", 100): strings.Repeat("/secret", 17) + "/*",
	} {
		if got := interceptor.PrintablePath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
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
