package test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// serviceMonitor has the fields of a ServiceMonitor that the component sets.
type serviceMonitor struct {
	JobLabel string `json:"jobLabel"`
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
	Endpoints []struct {
		Port     string `json:"port"`
		Interval string `json:"interval"`
	} `json:"endpoints"`
}

// The component has the rules and a scrape job in the namespace of the base. The job scrapes
// the admin port of one Service, which includes pods that are not ready, as job agentconf.
func TestMonitoringComponent(t *testing.T) {
	dir := withComponent(t, "monitoring")
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	var monitor struct{ Spec serviceMonitor }
	for _, r := range resources.Resources() {
		if r.GetApiVersion() != "monitoring.coreos.com/v1" {
			continue
		}
		kinds[r.GetKind()]++
		if r.GetNamespace() != "agentconf" {
			t.Errorf("%s is in namespace %q", r.GetKind(), r.GetNamespace())
		}
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if r.GetKind() == "ServiceMonitor" {
			if err := yaml.Unmarshal(text, &monitor); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kinds["ServiceMonitor"] != 1 || kinds["PrometheusRule"] != 1 {
		t.Errorf("got the kinds %v, want a ServiceMonitor and a PrometheusRule", kinds)
	}
	monitor.Spec.check(t, ofKind[*corev1.Service](build(t, kubernetesBase)))
}

// check checks that the monitor selects one Service.
func (m serviceMonitor) check(t *testing.T, services []*corev1.Service) {
	t.Helper()
	var selected []*corev1.Service
	for _, s := range services {
		matches := true
		for name, value := range m.Selector.MatchLabels {
			matches = matches && s.Labels[name] == value
		}
		for _, port := range s.Spec.Ports {
			if matches && port.Name == m.Endpoints[0].Port {
				selected = append(selected, s)
			}
		}
	}
	if len(selected) != 1 || !selected[0].Spec.PublishNotReadyAddresses {
		t.Fatalf("got the Services %v, want one that includes pods that are not ready", selected)
	}
	if job := selected[0].Labels[m.JobLabel]; job != "agentconf" {
		t.Errorf("the job is called %q", job)
	}
}
