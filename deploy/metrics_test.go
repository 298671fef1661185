package deploy

import (
	"encoding/json"
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

// exposed are the metrics of a service, by the names that queries use, and the values of
// their labels, by label.
type exposed map[string]map[string]map[string]bool

// scrape is what a service has after it was used in every way that makes a metric.
func scrape(t *testing.T) exposed {
	t.Helper()
	gateway := emulate(t)
	service := serve(t, gateway)
	base := "http://" + service.HTTP
	guid := signIn(t, base, "1287")
	mustAsk(t, "POST", base+"/v1/agents/1287/conference:requestAgentConf", guid, `{"memberNum":4}`)
	ask(t, "POST", base+"/v1/agents/1287/conference:requestAgentConf", "", `{"memberNum":4}`)
	mustAsk(t, "POST", gateway+"/emulator/faults", "", `{"operation":"releaseAgentConf","retcode":"100-007","applied":true}`)
	ask(t, "POST", base+"/v1/agents/1287/conference:releaseAgentConf", guid, `{}`)
	guid = signIn(t, base, "1288")
	ended := watch(t, base, "1288", guid)
	mustAsk(t, "POST", base+"/v1/agents/1288/session:logout", guid, `{}`)
	<-ended
	_, text := mustAsk(t, "GET", "http://"+service.Admin+"/metrics", "", "")
	textParser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := textParser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	metrics := exposed{"up": metricLabels(nil)} // made by Prometheus
	for name, family := range families {
		metrics[name] = metricLabels(family.GetMetric())
		if family.GetType() == dto.MetricType_HISTOGRAM {
			metrics[name+"_bucket"], metrics[name+"_count"], metrics[name+"_sum"] = metrics[name], metrics[name], metrics[name]
			delete(metrics, name)
		}
	}
	return metrics
}

func metricLabels(series []*dto.Metric) map[string]map[string]bool {
	values := map[string]map[string]bool{"job": {"agentconf": true}, "instance": nil, "le": nil} // added by Prometheus
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

// possible has values of labels that cannot all be provoked here.
func possible(t *testing.T) map[string]map[string]bool {
	t.Helper()
	values := map[string]map[string]bool{"grpc_code": {}, "retcode": {"none": true, "other": true}, "reason": {}, "node": {"": true}}
	for c := codes.OK; c <= codes.Unauthenticated; c++ {
		values["grpc_code"][c.String()] = true
	}
	for line := range strings.Lines(read(t, "../conformance/retcodes.tsv")) {
		retcode, _, _ := strings.Cut(line, "\t")
		values["retcode"][retcode] = true
	}
	for _, reason := range regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`).FindAllString(read(t, "../docs/events.md"), -1) {
		values["reason"][reason] = true
	}
	return values
}

// check parses an expression and complains of every metric, label and value in it that
// a service does not have.
func (metrics exposed) check(t *testing.T, possible map[string]map[string]bool, expression string) {
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
		t.Errorf("%s: asks for no metric", expression)
	}
}

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

// checkLabel complains of a label that no metric has.
func (metrics exposed) checkLabel(t *testing.T, where, label string) {
	t.Helper()
	for _, known := range metrics {
		if _, ok := known[label]; ok {
			return
		}
	}
	t.Errorf("%s: no label %s", where, label)
}

// dashboardTexts are the values of a key anywhere in the dashboard.
func dashboardTexts(t *testing.T, key string) (texts []string) {
	t.Helper()
	var dashboard any
	if err := json.Unmarshal([]byte(read(t, "grafana/agentconf.json")), &dashboard); err != nil {
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

// Alerts and the dashboard ask for what a service really has, and for nothing else.
func TestMetricsExist(t *testing.T) {
	variables := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*") // of Grafana
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
	metrics, possible := scrape(t), possible(t)
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
