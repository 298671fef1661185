package e2e

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/conformance"
	"agentconf/server/internal/lifecycle"
)

// scrape returns the body of /metrics.
func scrape(metrics prometheus.Gatherer) string {
	w := httptest.NewRecorder()
	lifecycle.Admin(metrics, new(slog.LevelVar), http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// expectMetric reports an error unless /metrics has the line.
func expectMetric(t *testing.T, metrics prometheus.Gatherer, line string) {
	t.Helper()
	if got := scrape(metrics); !strings.Contains(got, "\n"+line+"\n") {
		t.Errorf("got no line %s, want it in\n%s", line, got)
	}
}

// The service counts responses of the gateway by operation and retcode, and failed calls by
// operation, reason and outcome.
func TestGatewayMetrics(t *testing.T) {
	f := newFronts(t, sockets)
	hold := func(script conformance.Script) {
		f.gateway.Play(script)
		f.send(t, "POST", holdV1, nil)
	}
	scriptOf := func(retcode string) conformance.Script {
		reply := `{"retcode":"` + retcode + `"}`
		return conformance.Script{Reply: &reply}
	}
	hold(scriptOf("0"))
	hold(scriptOf("0"))
	hold(scriptOf("101-002"))
	hold(scriptOf("100-007"))
	hold(scriptOf("88887946"))
	hold(conformance.Script{Status: http.StatusBadGateway})
	for _, line := range []string{
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="0"} 2`,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="101-002"} 1`,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="100-007"} 1`,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="other"} 1`,
		`agentconf_gateway_calls_total{operation="holdParticipant",retcode="none"} 1`,
		`agentconf_gateway_seconds_count 6`,
		`agentconf_gateway_connections_opened_total 1`,
		`agentconf_gateway_connections_reused_total 5`,
		`agentconf_errors_total{operation="holdParticipant",outcome="unknown",reason="GATEWAY_EXCEPTION"} 1`,
		`agentconf_errors_total{operation="holdParticipant",outcome="unknown",reason="UNMAPPED_RETCODE"} 1`,
		`agentconf_errors_total{operation="holdParticipant",outcome="unknown",reason="OUTCOME_UNKNOWN"} 1`,
		`agentconf_errors_total{operation="holdParticipant",outcome="not_applied",reason="NOT_CHAIRPERSON"} 1`,
	} {
		expectMetric(t, f.metrics, line)
	}
}

// The service counts watches, polls, events, and watches that it has ended.
func TestWatchMetrics(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		for _, line := range []string{"agentconf_watched_agents 1", "agentconf_watchers 1", "agentconf_events_total 9"} {
			expectMetric(t, e.metrics, line)
		}
		if !strings.Contains(scrape(e.metrics), `agentconf_gateway_calls_total{operation="getAgentEvent",retcode="0"}`) {
			t.Error("got no polls in /metrics, want some")
		}
		e.tampered(func(w http.ResponseWriter, _ *http.Request) bool {
			io.WriteString(w, `{"retcode":"000-003"}`)
			return true
		})
		w.end()
		for _, line := range []string{"agentconf_watched_agents 0", "agentconf_watchers 0", `agentconf_watchers_lost_total{reason="SIGN_IN_REQUIRED"} 1`} {
			expectMetric(t, e.metrics, line)
		}
	})
}

// The number of series is bounded: it depends on neither the number of agents nor the number
// of retcodes.
func TestMetricSeriesAreBounded(t *testing.T) {
	table, err := os.ReadFile("../../conformance/retcodes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	retcodes := strings.Split(string(table), "\n")[1:101] // known retcodes come first
	operations := map[string]contractCase{}
	for _, c := range readCases(t) {
		if c.Want.Code == "OK" {
			operations[c.RPC] = c
		}
	}
	f := newFronts(t, sockets)
	agent := 0
	for _, line := range retcodes {
		retcode, _, _ := strings.Cut(line, "\t")
		reply := `{"retcode":"` + retcode + `"}`
		f.gateway.Play(conformance.Script{Reply: &reply})
		for _, c := range operations {
			for range 4 { // more than 10,000 agents
				c.AgentID = strconv.Itoa(101 + agent)
				agent++
				method, path, _ := strings.Cut(c.RequestLine(), " ")
				f.do(t, c.request(t, method, path))
			}
		}
	}
	series := 0
	for line := range strings.Lines(scrape(f.metrics)) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	t.Logf("%d series for %d operations by %d agents", series, len(operations), agent)
	if least := len(operations) * 30; series < least || series > 3000 {
		t.Errorf("got %d series, want %d to 3000", series, least)
	}
}
