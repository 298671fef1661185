package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTime is how long the last spans may take to go out.
const flushTime = 2 * time.Second

// tracer returns what makes spans and sends them to an OTLP endpoint, or nil if the
// standard variables name none. Exporter and SDK read all that is theirs from the
// environment by themselves: headers, sampler, attributes of the resource.
func (p program) tracer(ctx context.Context, log *slog.Logger) (tracer trace.Tracer, flush func(), err error) {
	if !p.traced() {
		return nil, func() {}, nil
	}
	exporter, err := p.spanExporter(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("traces: %w; check the variables OTEL_EXPORTER_OTLP_…", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "agentconf")), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("traces: %w; check OTEL_RESOURCE_ATTRIBUTES", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "cause", err.Error()) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return provider.Tracer("agentconf"), func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("traces", "cause", err.Error())
		}
	}, nil
}

// env is the first of the variables that is set.
func (p program) env(names ...string) string {
	for _, name := range names {
		if value, _ := p.lookupEnv(name); value != "" {
			return value
		}
	}
	return ""
}

func (p program) traced() bool {
	return p.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") != "" &&
		!strings.EqualFold(p.env("OTEL_SDK_DISABLED"), "true") && p.env("OTEL_TRACES_EXPORTER") != "none"
}

// otlpProtocol is how spans are sent.
func (p program) otlpProtocol() string {
	return cmp.Or(p.env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"), overHTTP)
}

const (
	overHTTP = "http/protobuf"
	overGRPC = "grpc"
)

// traceFaults finds what the exporter would not.
func (p program) traceFaults() []error {
	if protocol := p.otlpProtocol(); p.traced() && protocol != overHTTP && protocol != overGRPC {
		return []error{fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL=%q: must be %s or %s", protocol, overHTTP, overGRPC)}
	}
	return nil
}

func (p program) spanExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if p.otlpProtocol() == overGRPC {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}
