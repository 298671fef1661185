package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"agentconf/conformance"
)

const (
	someTraceID = "0af7651916cd43dd8448eb211c80319c"
	traceParent = "00-" + someTraceID + "-b7ad6b7169203331-01"
	traceState  = "a=b c,d=e"
)

// tracedCall is the wanted result of a call with a trace context.
type tracedCall struct{ retcode, outcome, reason, code string }

// A call has two spans in the trace of its caller: one of the service and one of the
// request to the gateway. The request carries the trace context. No span has an agent ID or
// a phone number.
func TestTraces(t *testing.T) {
	l, dial := listenTCP(t)
	gateway := conformance.NewGateway(l)
	t.Cleanup(gateway.Stop)
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("agentconf")
	f := newTracedFronts(t, sockets, dial, tracer)
	for front, hold := range map[string]func(){
		"gRPC": func() {
			f.holdGRPC(withGUID(t.Context(), "traceparent", traceParent, "tracestate", traceState))
		},
		"JSON": func() {
			f.send(t, "POST", holdV1, func(r *http.Request) {
				r.Header.Set("traceparent", traceParent)
				r.Header.Set("tracestate", traceState)
			})
		},
	} {
		for _, want := range []tracedCall{
			{"0", "applied", "", "OK"},
			{"101-002", "not_applied", "NOT_CHAIRPERSON", "PERMISSION_DENIED"},
			{"100-007", "unknown", "GATEWAY_EXCEPTION", "UNKNOWN"},
		} {
			t.Run(front+" "+want.outcome, func(t *testing.T) {
				reply := `{"retcode":"` + want.retcode + `","message":"1287 and 88887946"}`
				gateway.Play(conformance.Script{Reply: &reply})
				spans.Reset()
				hold()
				want.check(t, spans.GetSpans(), gateway.Received()[0].Header)
			})
		}
	}
}

// check compares the spans of the call, and the headers that the gateway got.
func (want tracedCall) check(t *testing.T, spans tracetest.SpanStubs, sent http.Header) {
	t.Helper()
	if len(spans) != 2 {
		t.Fatalf("got %d spans, want 2", len(spans))
	}
	client, server := spans[0], spans[1]
	if server.Name != "agentconf.v1.ConferenceService/HoldParticipant" || server.SpanKind != trace.SpanKindServer {
		t.Errorf("span %q of kind %v, want the RPC of kind server", server.Name, server.SpanKind)
	}
	if client.Name != "holdParticipant" || client.SpanKind != trace.SpanKindClient {
		t.Errorf("span %q of kind %v, want holdParticipant of kind client", client.Name, client.SpanKind)
	}
	if got := server.Parent.TraceID().String(); got != someTraceID {
		t.Errorf("the trace is %s, want %s", got, someTraceID)
	}
	if got, want := client.Parent.SpanID(), server.SpanContext.SpanID(); got != want {
		t.Errorf("the parent of the client span is %v, want %v", got, want)
	}
	for _, span := range spans {
		want.checkSpan(t, span)
	}
	if got := valueOf(server, "rpc.response.status_code"); got != want.code {
		t.Errorf("status code %s, want %s", got, want.code)
	}
	wantParent := fmt.Sprintf("00-%s-%s-01", someTraceID, client.SpanContext.SpanID())
	if sent.Get("traceparent") != wantParent || sent.Get("tracestate") != traceState {
		t.Errorf("the gateway got %v, want traceparent %s and tracestate %s", sent, wantParent, traceState)
	}
}

func (want tracedCall) checkSpan(t *testing.T, span tracetest.SpanStub) {
	t.Helper()
	for key, value := range map[attribute.Key]string{
		"agentconf.retcode": want.retcode, "agentconf.outcome": want.outcome, "agentconf.reason": want.reason,
	} {
		if got := valueOf(span, key); got != value {
			t.Errorf("%s: %s is %q, want %q", span.Name, key, got, value)
		}
	}
	text := fmt.Sprint(span.Name, span.Attributes, span.Events, span.Status)
	if strings.Contains(text, "1287") || strings.Contains(text, "88887946") {
		t.Errorf("got span %s, want no agent ID and no phone number", text)
	}
}

func valueOf(span tracetest.SpanStub, key attribute.Key) string {
	for _, attr := range span.Attributes {
		if attr.Key == key {
			return attr.Value.String()
		}
	}
	return ""
}

// Without a tracer the gateway gets no trace context.
func TestNoTraces(t *testing.T) {
	f := newFronts(t, sockets)
	f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("traceparent", traceParent) })
	if header := f.gateway.Received()[0].Header; header.Get("traceparent") != "" {
		t.Errorf("the gateway got %v, want no traceparent", header)
	}
}
