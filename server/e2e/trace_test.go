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
	"google.golang.org/grpc/metadata"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	someTrace   = "0af7651916cd43dd8448eb211c80319c"
	traceParent = "00-" + someTrace + "-b7ad6b7169203331-01"
)

// A call is two spans in its caller's trace, one of agentconf and one of the gateway,
// to which the context goes on; neither says who or whom it is about.
func TestTraces(t *testing.T) {
	l, dial := listenTCP(t)
	gateway := conformance.NewGateway(l)
	t.Cleanup(gateway.Stop)
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("agentconf")
	f := newTracedFronts(t, sockets, dial, tracer)
	for front, hold := range map[string]func(){
		"gRPC": func() {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", someGUID, "traceparent", traceParent, "tracestate", "a=b c,d=e")
			agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
				AgentId: "1287", AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
			})
		},
		"JSON": func() {
			f.send(t, "POST", holdV1, func(r *http.Request) {
				r.Header.Set("traceparent", traceParent)
				r.Header.Set("tracestate", "a=b c,d=e")
			})
		},
	} {
		for _, test := range []struct{ retcode, outcome, reason, code string }{
			{"0", "applied", "", "0"},
			{"101-002", "not_applied", "NOT_CHAIRPERSON", "7"},
			{"100-007", "unknown", "GATEWAY_EXCEPTION", "2"},
		} {
			t.Run(front+" "+test.outcome, func(t *testing.T) {
				reply := `{"retcode":"` + test.retcode + `","message":"1287 and 88887946"}`
				gateway.Play(conformance.Script{Reply: &reply})
				spans.Reset()
				hold()
				got := spans.GetSpans()
				if len(got) != 2 {
					t.Fatalf("%d spans", len(got))
				}
				inner, outer := got[0], got[1]
				if outer.Name != "agentconf.v1.ConferenceService/HoldParticipant" || outer.SpanKind != trace.SpanKindServer ||
					inner.Name != "holdParticipant" || inner.SpanKind != trace.SpanKindClient {
					t.Errorf("spans %q and %q", outer.Name, inner.Name)
				}
				if outer.Parent.TraceID().String() != someTrace || inner.Parent.SpanID() != outer.SpanContext.SpanID() {
					t.Errorf("parents %v and %v", outer.Parent, inner.Parent)
				}
				for _, span := range got {
					for key, want := range map[attribute.Key]string{
						"agentconf.retcode": test.retcode, "agentconf.outcome": test.outcome, "agentconf.reason": test.reason,
					} {
						if got := valueOf(span, key); got != want {
							t.Errorf("%s: %s is %q, want %q", span.Name, key, got, want)
						}
					}
					if text := fmt.Sprint(span.Name, span.Attributes, span.Events, span.Status); strings.Contains(text, "1287") || strings.Contains(text, "88887946") {
						t.Errorf("the span says who: %s", text)
					}
				}
				if got := valueOf(outer, "rpc.grpc.status_code"); got != test.code {
					t.Errorf("status code %s", got)
				}
				sent := gateway.Received()[0].Header
				want := fmt.Sprintf("00-%s-%s-01", someTrace, inner.SpanContext.SpanID())
				if sent.Get("traceparent") != want || sent.Get("tracestate") != "a=b c,d=e" {
					t.Errorf("the gateway got %v, want %s", sent, want)
				}
			})
		}
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

// What is not traced costs the gateway nothing: it gets no context.
func TestNoTraces(t *testing.T) {
	f := newFronts(t, sockets)
	f.gateway.Play(conformance.Script{})
	f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("traceparent", traceParent) })
	if header := f.gateway.Received()[0].Header; header.Get("traceparent") != "" {
		t.Errorf("the gateway got %v", header)
	}
}
