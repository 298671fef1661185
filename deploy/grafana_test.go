package deploy

import (
	"encoding/json"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// classic is a dashboard as every Grafana imports it.
//
//lint:ignore SA1019 its successor is for Grafana 12 and up
type classic = dashboard.Dashboard

// The dashboard is what Grafana's own types are, down to the options of every panel.
func TestDashboard(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	text := []byte(read(t, "grafana/agentconf.json"))
	// What finds faults does not fill in everything, and its error is never nil.
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
			t.Fatalf("a panel without an ID of its own: %+v", each.Panel)
		}
		ids[*each.Panel.Id] = true
	}
	if len(ids) < 10 {
		t.Errorf("%d panels", len(ids))
	}
}
