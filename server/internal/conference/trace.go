package conference

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"agentconf/server/internal/gateway"
)

// Attributes of spans, of the call and of the gateway's part in it. Nothing else of a
// request or an answer is in a span.
const (
	outcomeAttribute = attribute.Key("agentconf.outcome")
	retcodeAttribute = attribute.Key("agentconf.retcode")
	reasonAttribute  = attribute.Key("agentconf.reason")
)

// traced begins the span of the gateway's part, and tells the gateway its context.
func (s *Service) traced(ctx context.Context, op operation, req *gateway.Request) trace.Span {
	ctx, span := s.tracer.Start(ctx, op.name, trace.WithSpanKind(trace.SpanKindClient))
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	req.TraceParent, req.TraceState = carrier["traceparent"], carrier["tracestate"]
	return span
}

// EndSpan ends the span of a call that ended with err.
func EndSpan(span trace.Span, err error) {
	defer span.End()
	if err == nil {
		span.SetAttributes(outcomeAttribute.String(string(Applied)), retcodeAttribute.String(Success))
		return
	}
	e, ours := errors.AsType[*Error](err)
	if !ours || e.Outcome == Unknown {
		span.SetStatus(codes.Error, "")
	}
	if !ours {
		return
	}
	span.SetAttributes(outcomeAttribute.String(string(e.Outcome)), reasonAttribute.String(e.Reason))
	if e.Retcode != "" {
		span.SetAttributes(retcodeAttribute.String(e.Retcode))
	}
}
