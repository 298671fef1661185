package operation_test

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/servicetest"
)

// Requests are counted by operation and retcode. A retcode without a meaning is "other",
// so that a gateway cannot create series. The duration of a long poll is not recorded.
func TestMetrics(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	for _, reply := range []string{
		`{"retcode":"0"}`, `{"retcode":"0"}`, `{"retcode":"101-002"}`, `{"retcode":"999-999"}`, `{"retcode":"88887946"}`, "nonsense",
	} {
		run(t, g, reply, holdOperation(), &agentconfv1.HoldParticipantResponse{})
	}
	g.Play(conformance.Script{Fault: "close"})
	runHold(servicetest.Context(t), g, holdOperation())
	poll := holdOperation()
	poll.Name, poll.LongPoll = "getAgentEvent", 1
	run(t, g, `{"retcode":"0"}`, poll, &agentconfv1.GetAgentEventResponse{})
	rejected := holdOperation()
	rejected.Violations.Add("address", "must be short")
	run(t, g, `{"retcode":"0"}`, rejected, &agentconfv1.HoldParticipantResponse{})
	servicetest.CheckMetrics(t, g.Metrics,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="0"} 2`,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="101-002"} 1`,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="other"} 2`,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="none"} 2`,
		`agentconf_gateway_calls_total{operation="getAgentEvent",retcode="0"} 1`,
		"agentconf_gateway_seconds_count 7",
		"agentconf_gateway_connections_opened_total 2",
		"agentconf_gateway_connections_reused_total 6")
}

// A request is a span of its own, whose context goes to the gateway. The span does not
// name the agent.
func TestTraces(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("agentconf")
	g := servicetest.NewGateway(t, operation.Options{Tracer: tracer})
	ctx, outer := tracer.Start(servicetest.Context(t), "outer")
	if _, err := runHold(ctx, g, holdOperation()); err != nil {
		t.Fatal(err)
	}
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans, want 1", len(ended))
	}
	span := ended[0]
	if span.Name() != "holdParticipant" || span.SpanKind() != trace.SpanKindClient ||
		span.Parent().SpanID() != outer.SpanContext().SpanID() || len(span.Attributes()) != 2 {
		t.Errorf("span %s of kind %v with parent %v and %v", span.Name(), span.SpanKind(), span.Parent(), span.Attributes())
	}
	for _, attr := range span.Attributes() {
		if attr != attribute.String("agentconf.outcome", "applied") && attr != attribute.String("agentconf.retcode", "0") {
			t.Errorf("attribute %v", attr)
		}
	}
	want := "00-" + span.SpanContext().TraceID().String() + "-" + span.SpanContext().SpanID().String() + "-01"
	if got := g.Only(t).Header.Get("traceparent"); got != want {
		t.Errorf("the gateway received the context %s, want %s", got, want)
	}
}

// Without a tracer the gateway receives no trace context.
func TestNoTraces(t *testing.T) {
	g := servicetest.NewGateway(t, operation.Options{})
	ctx := servicetest.Context(t, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if _, err := runHold(ctx, g, holdOperation()); err != nil {
		t.Fatal(err)
	}
	if header := g.Only(t).Header; header[http.CanonicalHeaderKey("traceparent")] != nil {
		t.Errorf("the gateway received %v", header)
	}
}
