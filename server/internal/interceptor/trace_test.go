package interceptor_test

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

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
)

const (
	someTrace   = "0af7651916cd43dd8448eb211c80319c"
	traceParent = "00-" + someTrace + "-b7ad6b7169203331-01"
)

func tracerOf(spans *tracetest.SpanRecorder) trace.Tracer {
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("agentconf")
}

// A call is a span in the trace of its caller. The handler continues it. No attribute
// names an agent or a participant.
func TestTraces(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	f := newFixture(interceptor.Options{Tracer: tracerOf(spans)})
	for _, test := range []struct {
		err        error
		attributes string // from the status code on
		status     codes.Code
	}{
		{nil, "OK agentconf.outcome=applied agentconf.retcode=0", codes.Unset},
		{refusal(), "PERMISSION_DENIED agentconf.outcome=not_applied agentconf.reason=NOT_CHAIRPERSON agentconf.retcode=101-002", codes.Unset},
		{outcome.AnswerLost.Error("", "", nil), "UNKNOWN agentconf.outcome=unknown agentconf.reason=OUTCOME_UNKNOWN", codes.Error},
		{errors.New("no outcome"), "UNKNOWN", codes.Error},
	} {
		spans.Reset()
		s := newStream(t, "traceparent", traceParent)
		var inside trace.SpanContext
		f.hold(s.ctx, func(ctx context.Context, req any) (any, error) {
			inside = trace.SpanContextFromContext(ctx)
			return returns(test.err)(ctx, req)
		})
		ended := spans.Ended()
		if len(ended) != 1 {
			t.Fatalf("%d spans, want 1", len(ended))
		}
		span := ended[0]
		if span.Name() != "agentconf.v1.ConferenceService/HoldParticipant" || span.SpanKind() != trace.SpanKindServer ||
			span.Parent().TraceID().String() != someTrace || span.SpanContext().SpanID() != inside.SpanID() {
			t.Errorf("span %s of kind %v with parent %v", span.Name(), span.SpanKind(), span.Parent())
		}
		var got []string
		for _, attr := range span.Attributes() {
			got = append(got, fmt.Sprintf("%s=%s", attr.Key, attr.Value.String()))
		}
		want := "rpc.system.name=grpc rpc.method=agentconf.v1.ConferenceService/HoldParticipant " +
			"rpc.response.status_code=" + test.attributes
		if strings.Join(got, " ") != want || span.Status().Code != test.status || len(span.Events()) > 0 {
			t.Errorf("attributes %v, status %v, want %s", got, span.Status(), want)
		}
	}
}

// A stream is a span from its start to its end, also without a trace of its caller.
func TestTraceOfStream(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	f := newFixture(interceptor.Options{Tracer: tracerOf(spans)})
	f.watch(newStream(t), receives(nil))
	ended := spans.Ended()
	if len(ended) != 1 || ended[0].Name() != "agentconf.v1.EventService/WatchAgentEvents" || ended[0].Parent().IsValid() {
		t.Errorf("spans %v", ended)
	}
}
