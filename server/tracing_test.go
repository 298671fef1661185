package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The service exports its spans to the endpoint of the OTEL variables before it ends, and
// none if the variables disable tracing.
func TestServeTraces(t *testing.T) {
	for name, test := range map[string]struct {
		env  []string
		want bool
	}{
		"an endpoint":    {nil, true},
		"a disabled SDK": {[]string{"OTEL_SDK_DISABLED=true"}, false},
		"no exporter":    {[]string{"OTEL_TRACES_EXPORTER=none"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			exported := make(chan string, 10)
			collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { exported <- r.URL.Path }))
			defer collector.Close()
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
			env := append(test.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
			service, _, httpURL := serve(t, env, "--gateway", emulate(t))
			resp, err := http.Post(httpURL+"/v1/agents/1287/conference:holdParticipant", "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if code, log := service.stop(); code != 0 || strings.Contains(log, `"msg":"traces"`) {
				t.Errorf("got exit code %d, want 0 and no trace error in the log:\n%s", code, log)
			}
			if got := len(exported) > 0; got != test.want {
				t.Fatalf("got an export: %v, want %v", got, test.want)
			}
			if test.want {
				if path := <-exported; path != "/v1/traces" {
					t.Errorf("got an export to %s, want /v1/traces", path)
				}
			}
		})
	}
}
