package test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"google.golang.org/grpc/codes"
)

// metricSet maps a metric, by the name that queries use, and its label to the values of the label.
type metricSet map[string]map[string]map[string]bool

// exposedMetrics returns the metrics of a service that has been used in every way that creates one.
func exposedMetrics(t *testing.T) metricSet {
	t.Helper()
	gateway := startEmulator(t)
	service := startService(t, gateway)
	base := "http://" + service.HTTP
	guid := login(t, base, "1287")
	mustRequest(t, "POST", base+"/v1/agents/1287/conference:requestAgentConf", guid, `{"memberNum":4}`)
	request(t, "POST", base+"/v1/agents/1287/conference:requestAgentConf", "", `{"memberNum":4}`)
	mustRequest(t, "POST", gateway+"/emulator/faults", "", `{"operation":"releaseAgentConf","retcode":"100-007","applied":true}`)
	request(t, "POST", base+"/v1/agents/1287/conference:releaseAgentConf", guid, `{}`)
	guid = login(t, base, "1288")
	ended := watch(t, base, "1288", guid)
	mustRequest(t, "POST", base+"/v1/agents/1288/session:logout", guid, `{}`)
	<-ended
	mustRequest(t, "POST", gateway+"/emulator/faults", "", `{"operation":"*","connection":"close"}`)
	for range 2 { // pass through, the first without an answer
		request(t, "GET", base+"/agentgateway/resource/voicecall/1288/callinfo", guid, "")
	}
	dir := certificateDir(t)
	secured := startService(t, gateway, "--tls-cert", filepath.Join(dir, "tls.crt"), "--tls-key", filepath.Join(dir, "tls.key"))
	textParser := expfmt.NewTextParser(model.LegacyValidation)
	metrics := metricSet{"up": labelValues(nil)} // which Prometheus creates
	families := map[string]*dto.MetricFamily{}
	for _, admin := range []string{secured.Admin, service.Admin} {
		scraped, err := textParser.TextToMetricFamilies(strings.NewReader(scrape(t, admin)))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(families, scraped)
	}
	for name, family := range families {
		metrics[name] = labelValues(family.GetMetric())
		if family.GetType() == dto.MetricType_HISTOGRAM {
			metrics[name+"_bucket"], metrics[name+"_count"], metrics[name+"_sum"] = metrics[name], metrics[name], metrics[name]
			delete(metrics, name)
		}
	}
	return metrics
}

// labelValues returns the values of each label. Prometheus itself adds job, instance and le.
func labelValues(series []*dto.Metric) map[string]map[string]bool {
	values := map[string]map[string]bool{"job": {"agentconf": true}, "instance": nil, "le": nil}
	for _, each := range series {
		for _, pair := range each.GetLabel() {
			if values[pair.GetName()] == nil {
				values[pair.GetName()] = map[string]bool{}
			}
			values[pair.GetName()][pair.GetValue()] = true
		}
	}
	return values
}

// possibleValues returns further label values, which one run cannot all produce.
func possibleValues(t *testing.T) map[string]map[string]bool {
	t.Helper()
	values := map[string]map[string]bool{"grpc_code": {}, "retcode": {"none": true, "other": true}, "reason": {}, "node": {"": true}}
	for c := codes.OK; c <= codes.Unauthenticated; c++ {
		values["grpc_code"][c.String()] = true
	}
	for line := range strings.Lines(read(t, "conformance/retcodes.tsv")) {
		retcode, _, _ := strings.Cut(line, "\t")
		values["retcode"][retcode] = true
	}
	for _, reason := range regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`).FindAllString(read(t, "docs/events.md"), -1) {
		values["reason"][reason] = true
	}
	return values
}

// check parses an expression and reports every metric, label and value in it that the service lacks.
func (metrics metricSet) check(t *testing.T, possible map[string]map[string]bool, expression string) {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return
	}
	selectors := 0
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			selectors++
			known, ok := metrics[n.Name]
			if !ok {
				t.Errorf("%s: no metric %s", expression, n.Name)
			}
			for _, m := range n.LabelMatchers {
				checkMatcher(t, known, possible, expression, m)
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				metrics.checkLabel(t, expression, label)
			}
		}
		return nil
	})
	if selectors == 0 {
		t.Errorf("%s: selects no metric", expression)
	}
}

// checkMatcher reports a label, or a value of it, that the metric never has.
func checkMatcher(t *testing.T, known, possible map[string]map[string]bool, expression string, m *labels.Matcher) {
	t.Helper()
	if m.Name == "__name__" || m.Value == ".*" {
		return
	}
	values, ok := known[m.Name]
	if !ok {
		t.Errorf("%s: no label %s", expression, m.Name)
	}
	for value := range strings.SplitSeq(m.Value, "|") {
		if !values[value] && !possible[m.Name][value] {
			t.Errorf("%s: %s is never %q", expression, m.Name, value)
		}
	}
}

// checkLabel reports a label that no metric has.
func (metrics metricSet) checkLabel(t *testing.T, where, label string) {
	t.Helper()
	for _, known := range metrics {
		if _, ok := known[label]; ok {
			return
		}
	}
	t.Errorf("%s: no label %s", where, label)
}

// dashboardTexts returns the values of a key anywhere in the dashboard.
func dashboardTexts(t *testing.T, key string) (texts []string) {
	t.Helper()
	var dashboard any
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/agentconf.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var visit func(any)
	visit = func(node any) {
		switch n := node.(type) {
		case []any:
			for _, child := range n {
				visit(child)
			}
		case map[string]any:
			for name, child := range n {
				if text, ok := child.(string); ok && name == key {
					texts = append(texts, text)
				}
				visit(child)
			}
		}
	}
	visit(dashboard)
	return texts
}

// The alerts and the dashboard use only metrics, labels and values of the service.
func TestMetricsExist(t *testing.T) {
	variables := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*") // Grafana's
	var expressions []string
	for _, e := range dashboardTexts(t, "expr") {
		expressions = append(expressions, variables.Replace(e))
	}
	if len(expressions) < 20 {
		t.Errorf("the dashboard has %d expressions", len(expressions))
	}
	checkExpressions(t, expressions)
	texts := dashboardTexts(t, "legendFormat")
	for _, r := range alerts(t) {
		expressions = append(expressions, r.Expr)
		texts = append(texts, r.Annotations["summary"])
	}
	metrics, possible := exposedMetrics(t), possibleValues(t)
	for _, e := range expressions {
		metrics.check(t, possible, e)
	}
	label := regexp.MustCompile(`{{ *(?:with )?(?:\$labels\.)?([a-z_]+) *}}`)
	for _, text := range texts {
		for _, match := range label.FindAllStringSubmatch(text, -1) {
			if match[1] != "end" {
				metrics.checkLabel(t, text, match[1])
			}
		}
	}
}
