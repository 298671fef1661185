package interceptor_test

import (
	"errors"
	"testing"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

const (
	holdLabels  = `grpc_method="HoldParticipant",grpc_service="agentconf.v1.ConferenceService",grpc_type="unary"}`
	watchLabels = `grpc_method="WatchAgentEvents",grpc_service="agentconf.v1.EventService",grpc_type="server_stream"}`
)

// Calls are counted by method and code. A method has its series before its first call.
func TestMetrics(t *testing.T) {
	f := newFixture(interceptor.Options{})
	servicetest.CheckMetrics(t, f.metrics,
		"grpc_server_started_total{"+holdLabels+" 0",
		`grpc_server_handled_total{grpc_code="OK",`+watchLabels+" 0")
	f.hold(t.Context(), returns(nil))
	f.hold(t.Context(), returns(nil))
	f.hold(t.Context(), returns(refusal()))
	f.watch(newStream(t), receives(errors.New("no status")))
	servicetest.CheckMetrics(t, f.metrics,
		"grpc_server_started_total{"+holdLabels+" 3",
		`grpc_server_handled_total{grpc_code="OK",`+holdLabels+" 2",
		`grpc_server_handled_total{grpc_code="PermissionDenied",`+holdLabels+" 1",
		"grpc_server_handling_seconds_count{"+holdLabels+" 3",
		"grpc_server_started_total{"+watchLabels+" 1",
		`grpc_server_handled_total{grpc_code="Unknown",`+watchLabels+" 1",
		"grpc_server_handling_seconds_count{"+watchLabels+" 1")
}

// Failed calls are counted by operation, reason and outcome. Any other call is not.
func TestErrorMetrics(t *testing.T) {
	f := newFixture(interceptor.Options{})
	for _, kind := range []outcome.Kind{
		outcome.AnswerLost, outcome.AnswerLost, outcome.AnswerTimedOut, outcome.EventTimedOut, outcome.GatewayUnreachable,
	} {
		f.hold(t.Context(), returns(kind.Error("", "", nil)))
	}
	f.hold(t.Context(), returns(errors.New("no outcome")))
	f.hold(t.Context(), returns(nil))
	servicetest.CheckMetrics(t, f.metrics,
		`agentconf_errors_total{operation="holdParticipant",outcome="unknown",reason="OUTCOME_UNKNOWN"} 3`,
		`agentconf_errors_total{operation="holdParticipant",outcome="unknown",reason="NOT_CONFIRMED"} 1`,
		`agentconf_errors_total{operation="holdParticipant",outcome="not_applied",reason="GATEWAY_UNREACHABLE"} 1`)
	families, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if series := len(family.GetMetric()); family.GetName() == "agentconf_errors_total" && series != 3 {
			t.Errorf("%d series for errors, want 3: %v", series, family)
		}
	}
	servicetest.CheckMetrics(t, f.metrics, `grpc_server_handled_total{grpc_code="Unavailable",`+holdLabels+" 1")
}
