package test

import (
	"encoding/json"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// classic is the dashboard format that every Grafana imports.
//
//lint:ignore SA1019 its successor needs Grafana 12
type classic = dashboard.Dashboard

// The dashboard is valid by Grafana's own types, including the options of every panel.
func TestDashboard(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	text := []byte(read(t, "deploy/grafana/agentconf.json"))
	// UnmarshalJSONStrict does not fill in every field, and its error is never nil.
	if err := new(classic).UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		t.Fatal(err)
	}
	var d classic
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil && err.Error() != "" {
		t.Error(err)
	}
	ids := map[uint32]bool{}
	for _, each := range d.Panels {
		if each.Panel == nil {
			continue // a row
		}
		if each.Panel.Id == nil || ids[*each.Panel.Id] {
			t.Fatalf("a panel without a unique ID: %+v", each.Panel)
		}
		ids[*each.Panel.Id] = true
	}
	if len(ids) < 10 {
		t.Errorf("%d panels", len(ids))
	}
}
