package telemetry_test

import (
	"log/slog"
	"strings"
	"testing"

	"agentconf/server/internal/telemetry"
)

// newTracer calls NewTracer with the variables, which are also set in the environment:
// autoexport reads them there. It reports whether there is a tracer.
func newTracer(t *testing.T, variables map[string]string) (traced bool, flush func(), err error) {
	t.Helper()
	for name, value := range variables {
		t.Setenv(name, value)
	}
	lookupEnv := func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}
	tracer, flush, err := telemetry.NewTracer(t.Context(), lookupEnv, slog.New(slog.DiscardHandler))
	return tracer != nil, flush, err
}

// Traces are exported if the environment names an exporter or an endpoint, and does not
// disable them.
func TestIsTraced(t *testing.T) {
	const (
		disabled = "OTEL_SDK_DISABLED"
		exporter = "OTEL_TRACES_EXPORTER"
		endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
		traces   = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
		url      = "http://127.0.0.1:1"
	)
	for _, test := range []struct {
		variables map[string]string
		want      bool
	}{
		{nil, false},
		{map[string]string{exporter: ""}, false},
		{map[string]string{exporter: "console"}, true},
		{map[string]string{exporter: "none"}, false},
		{map[string]string{exporter: "none", endpoint: url}, false},
		{map[string]string{endpoint: url}, true},
		{map[string]string{traces: url}, true},
		{map[string]string{endpoint: ""}, false},
		{map[string]string{endpoint: url, disabled: "TRUE"}, false},
		{map[string]string{endpoint: url, disabled: "false"}, true},
		{map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "a=b"}, false},
	} {
		t.Run("", func(t *testing.T) {
			traced, flush, err := newTracer(t, test.variables)
			if err != nil {
				t.Fatal(err)
			}
			flush()
			if traced != test.want {
				t.Errorf("%v: traced is %v", test.variables, traced)
			}
		})
	}
}

// A variable with a value that is not known stops the start. The error names the
// variables to check.
func TestWrongTraceSettings(t *testing.T) {
	for want, variables := range map[string]map[string]string{
		"OTEL_TRACES_EXPORTER":     {"OTEL_TRACES_EXPORTER": "no such exporter"},
		"OTEL_RESOURCE_ATTRIBUTES": {"OTEL_TRACES_EXPORTER": "console", "OTEL_RESOURCE_ATTRIBUTES": "no value"},
	} {
		t.Run(want, func(t *testing.T) {
			if _, _, err := newTracer(t, variables); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		})
	}
}
