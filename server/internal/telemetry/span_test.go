package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

const (
	traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	traceState  = "a=b c,d=e"
)

// A span has outcome, reason and retcode of its call, and nothing of the text. It has
// status Error only if the outcome is unknown.
func TestEndSpan(t *testing.T) {
	refusal := outcome.AgentRateExceeded.Error("holdParticipant", "text", errors.New("cause"))
	refusal.Retcode, refusal.GatewayMessage = "101-002", "message"
	strange := outcome.AnswerLost.Error("", "", nil)
	strange.Retcode = "no retcode"
	for _, test := range []struct {
		err        error
		attributes string // without the prefix of their names
		status     codes.Code
	}{
		{nil, "outcome=applied retcode=0", codes.Unset},
		{refusal, "outcome=not_applied reason=AGENT_RATE_EXCEEDED retcode=101-002", codes.Unset},
		{strange, "outcome=unknown reason=OUTCOME_UNKNOWN retcode=other", codes.Error},
		{outcome.GatewayUnreachable.Error("", "", nil), "outcome=not_applied reason=GATEWAY_UNREACHABLE", codes.Unset},
		{outcome.AnswerLost.Error("", "", nil), "outcome=unknown reason=OUTCOME_UNKNOWN", codes.Error},
		{fmt.Errorf("wrapped: %w", outcome.AnswerLost.Error("", "", nil)), "outcome=unknown reason=OUTCOME_UNKNOWN", codes.Error},
		{errors.New("text"), "", codes.Error},
	} {
		spans := tracetest.NewSpanRecorder()
		_, span := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test").Start(t.Context(), "call")
		telemetry.EndSpan(span, test.err)
		ended := spans.Ended()
		if len(ended) != 1 {
			t.Fatalf("%v: the span has not ended", test.err)
		}
		var attributes []string
		for _, attr := range ended[0].Attributes() {
			name, ok := strings.CutPrefix(string(attr.Key), "agentconf.")
			if !ok {
				t.Errorf("attribute %s", attr.Key)
			}
			attributes = append(attributes, name+"="+attr.Value.String())
		}
		got := strings.Join(attributes, " ")
		status := ended[0].Status()
		if got != test.attributes || status.Code != test.status || status.Description != "" || len(ended[0].Events()) > 0 {
			t.Errorf("%v: attributes %s, status %v, want %s, %v", test.err, got, status, test.attributes, test.status)
		}
	}
}

// The trace context of a call arrives as metadata and leaves as headers.
func TestTraceContext(t *testing.T) {
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", traceParent, "tracestate", traceState))
	ctx = telemetry.Extract(ctx)
	if parent, state := telemetry.Inject(ctx); parent != traceParent || state != traceState {
		t.Errorf("%q and %q, want %q and %q", parent, state, traceParent, traceState)
	}
	if !trace.SpanContextFromContext(ctx).IsRemote() {
		t.Error("the span of the caller is not remote")
	}
}

// A call without a trace context, or with a wrong one, has none to pass on.
func TestNoTraceContext(t *testing.T) {
	for _, md := range []metadata.MD{nil, {"traceparent": nil}, {"traceparent": {"nonsense"}}, {"tracestate": {traceState}}} {
		ctx := telemetry.Extract(metadata.NewIncomingContext(context.Background(), md))
		if parent, state := telemetry.Inject(ctx); parent != "" || state != "" {
			t.Errorf("%v becomes %q and %q", md, parent, state)
		}
	}
}
