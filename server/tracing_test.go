package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Spans go to the endpoint that the standard variables name, at the latest when the
// service ends; without one there are none.
func TestServeTraces(t *testing.T) {
	for name, test := range map[string]struct {
		env  []string
		want bool
	}{
		"an endpoint":      {nil, true},
		"switched off":     {[]string{"OTEL_SDK_DISABLED=true"}, false},
		"another exporter": {[]string{"OTEL_TRACES_EXPORTER=none"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 10)
			collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.URL.Path }))
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
				t.Errorf("exit code %d, log\n%s", code, log)
			}
			if sent := len(got) > 0; sent != test.want {
				t.Errorf("spans sent: %v, want %v", sent, test.want)
			} else if sent && <-got != "/v1/traces" {
				t.Error("they went elsewhere")
			}
		})
	}
}
