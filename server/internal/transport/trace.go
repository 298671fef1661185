package transport

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"agentconf/server/internal/conference"
)

// traceKeys are the metadata of W3C Trace Context.
var traceKeys = []string{"traceparent", "tracestate"}

// beginSpan begins the span of a call, in the trace of its caller. It is nil if
// nothing is traced.
func (i *interceptor) beginSpan(ctx context.Context, m *method) (context.Context, trace.Span) {
	if i.tracer == nil {
		return ctx, nil
	}
	carrier := propagation.MapCarrier{}
	for _, key := range traceKeys {
		if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
			carrier[key] = values[0]
		}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	return i.tracer.Start(ctx, m.service+"/"+m.name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", m.service), attribute.String("rpc.method", m.name)))
}

func endSpan(span trace.Span, err error) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.Int("rpc.grpc.status_code", int(status.Code(err))))
	conference.EndSpan(span, err)
}
