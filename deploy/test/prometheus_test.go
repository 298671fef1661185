package test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// rule is an alert rule in the format of Prometheus.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// alerts returns the rules of alerts.yaml.
func alerts(t *testing.T) (rules []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "deploy/prometheus/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

// Prometheus accepts the files, and the cases of alerts_test.yaml pass.
func TestRules(t *testing.T) {
	run(t, nil, "promtool", "check", "config", "--lint-fatal", "deploy/prometheus/prometheus.yaml") // which loads the rules
	run(t, nil, "promtool", "test", "rules", "deploy/prometheus/alerts_test.yaml")
}

// Every alert has a case in which it fires and one in which it does not.
func TestRulesAreTested(t *testing.T) {
	var file struct {
		Tests []struct {
			Name  string `json:"name"`
			Rules []struct {
				Alert string           `json:"alertname"`
				Fires []map[string]any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/alerts_test.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, r := range test.Rules {
			if !strings.HasPrefix(test.Name, r.Alert+": ") {
				t.Errorf("the test of %s is called %q", r.Alert, test.Name)
			}
			if len(r.Fires) > 0 {
				fires[r.Alert] = true
			} else {
				quiet[r.Alert] = true
			}
		}
	}
	for _, r := range alerts(t) {
		if !fires[r.Alert] || !quiet[r.Alert] {
			t.Errorf("%s has a case in which it fires: %v, in which it does not: %v", r.Alert, fires[r.Alert], quiet[r.Alert])
		}
	}
}

// docs/operations.md lists exactly the alerts of alerts.yaml.
func TestRulesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(Agentconf\\w+)` \\|").FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		documented[row[1]] = true
	}
	defined := map[string]bool{}
	for _, r := range alerts(t) {
		defined[r.Alert] = true
	}
	if !maps.Equal(documented, defined) || len(defined) == 0 {
		t.Errorf("documented are %v\ndefined are %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(defined)))
	}
}

// checkExpressions lets promtool parse expressions.
func checkExpressions(t *testing.T, expressions []string) {
	t.Helper()
	var rules []map[string]string
	for _, e := range expressions {
		rules = append(rules, map[string]string{"record": "some:record", "expr": e})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "some", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "promtool", "check", "rules", "--lint=none", file) // all records have the same name
}
