package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"agentconf/server/internal/outcome"
)

// Span attributes of a call and of its request to the gateway. A span holds nothing
// else of a request or an answer.
const (
	outcomeKey = attribute.Key("agentconf.outcome")
	retcodeKey = attribute.Key("agentconf.retcode")
	reasonKey  = attribute.Key("agentconf.reason")
)

// TraceKeys are the metadata keys of W3C Trace Context. It must not be changed.
var TraceKeys = []string{"traceparent", "tracestate"}

// Extract returns ctx with the trace context of its incoming metadata. A malformed context
// is ignored, as W3C asks: the call then begins a trace of its own.
func Extract(ctx context.Context) context.Context {
	carrier := propagation.MapCarrier{}
	for _, key := range TraceKeys {
		if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
			carrier[key] = values[0]
		}
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

// Inject returns the values of the headers that carry the trace context of ctx, or empty
// strings if it has none.
func Inject(ctx context.Context) (traceParent, traceState string) {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"], carrier["tracestate"]
}

// EndSpan ends the span of a call, or of its request to the gateway, that returned err. The
// span has status Error if the outcome is unknown, or err is no *outcome.Error. An operation
// that the gateway refused is no error of the service, and leaves the status unset.
func EndSpan(span trace.Span, err error) {
	defer span.End()
	if err == nil {
		span.SetAttributes(outcomeKey.String(string(outcome.Applied)), retcodeKey.String(outcome.Success))
		return
	}
	e, ok := errors.AsType[*outcome.Error](err)
	if !ok || e.Outcome == outcome.Unknown {
		span.SetStatus(codes.Error, "")
	}
	if !ok {
		return
	}
	span.SetAttributes(outcomeKey.String(string(e.Outcome)), reasonKey.String(string(e.Reason)))
	if e.Retcode != "" {
		span.SetAttributes(retcodeKey.String(e.LoggedRetcode()))
	}
}
