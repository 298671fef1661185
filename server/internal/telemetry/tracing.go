package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traceFlushTimeout bounds the time to export the last spans.
const traceFlushTimeout = 2 * time.Second

// NewTracer returns a tracer that exports spans as OpenTelemetry's environment
// variables demand, or nil if they name neither an exporter nor an endpoint. It replaces the
// error handler of OpenTelemetry, which is global, by log.
//
// flush exports the spans that wait, takes at most 2 s, and ends the tracer. It is not nil
// unless err is not nil. An error names the variables to check.
func NewTracer(
	ctx context.Context, lookupEnv func(string) (string, bool), log *slog.Logger,
) (tracer trace.Tracer, flush func(), err error) {
	if !isTraced(lookupEnv) {
		return nil, func() {}, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf(
			"traces: %w; check the variables OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_…", err)
	}
	identity, err := resource.New(ctx, // the last one wins: the environment may rename the service
		resource.WithAttributes(attribute.String("service.name", "agentconf")), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("traces: %w; check OTEL_RESOURCE_ATTRIBUTES", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "cause", err.Error()) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(identity))
	return provider.Tracer("agentconf"), func() { // its own time: ctx is done when the process ends
		ctx, cancel := context.WithTimeout(context.Background(), traceFlushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("traces", "cause", err.Error())
		}
	}, nil
}

// TraceFaults returns the faults of the variables that name a collector. OpenTelemetry would
// ignore such a value, and export to its default endpoint.
func TraceFaults(lookupEnv func(string) (string, bool)) (faults []error) {
	if !isTraced(lookupEnv) {
		return nil
	}
	for _, name := range endpointVariables {
		value, _ := lookupEnv(name)
		if value == "" {
			continue
		}
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			faults = append(faults, fmt.Errorf("%s=%q: must be a URL with http:// or https://, "+
				"such as http://127.0.0.1:4318", name, value))
		}
	}
	return faults
}

// endpointVariables name the address of a collector.
var endpointVariables = []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}

// isTraced reports whether the environment asks for traces. autoexport alone would
// export to a default endpoint.
func isTraced(lookupEnv func(string) (string, bool)) bool {
	get := func(name string) string {
		value, _ := lookupEnv(name)
		return value
	}
	if strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") || get("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	names := append([]string{"OTEL_TRACES_EXPORTER"}, endpointVariables...)
	return slices.ContainsFunc(names, func(name string) bool { return get(name) != "" })
}
