package test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the rules for the Prometheus operator")

// rule is an alert or a recording rule in the format of Prometheus.
type rule struct {
	Record      string            `json:"record"`
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
		for _, r := range group.Rules {
			if r.Alert != "" {
				rules = append(rules, r)
			}
		}
	}
	return rules
}

// The rules for the Prometheus operator are those of alerts.yaml.
func TestPrometheusRule(t *testing.T) {
	const file = "deploy/kubernetes/components/monitoring/rules.yaml"
	want := "# Written by \"make generate\" from deploy/prometheus/alerts.yaml.\n" +
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: agentconf\n  namespace: agentconf\nspec:\n"
	_, groups, _ := strings.Cut(read(t, "deploy/prometheus/alerts.yaml"), "\ngroups:\n")
	want += "  groups:\n"
	for line := range strings.Lines(groups) {
		if line != "\n" {
			line = "  " + line
		}
		want += line
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, file) != want {
		t.Errorf("%s differs from alerts.yaml; run make generate", file)
	}
}

// The description of an alert is the text of docs/operations.md, and its runbook is there.
func TestDescriptions(t *testing.T) {
	plain := strings.NewReplacer("`", "", `"`, "'")
	link := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	documented := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `(Agentconf\\w+)` \\| (.*?) \\| (.*?) \\|$")
	for _, match := range row.FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		documented[match[1]] = plain.Replace(link.ReplaceAllString(match[2]+" "+match[3], "$1"))
	}
	for _, r := range alerts(t) {
		if got := r.Annotations["description"]; got != documented[r.Alert] || got == "" {
			t.Errorf("%s: the description is\n%s\nwant\n%s", r.Alert, got, documented[r.Alert])
		}
		if got := r.Annotations["runbook_url"]; !strings.HasSuffix(got, "/docs/operations.md#alerts") {
			t.Errorf("%s: the runbook is %q", r.Alert, got)
		}
	}
	if !strings.Contains(read(t, "docs/operations.md"), "\n## Alerts\n") {
		t.Error("docs/operations.md has no heading for the runbooks")
	}
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
