package test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/operations.md lists exactly the metrics of agentconf.
func TestDocumentedMetrics(t *testing.T) {
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile("`((?:agentconf|grpc_server)_[a-z_]+)`").FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		documented[name[1]] = true
	}
	exposed := map[string]bool{}
	for name := range exposedMetrics(t) {
		name = regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "agentconf_") || strings.HasPrefix(name, "grpc_server_") {
			exposed[name] = true
		}
	}
	if !maps.Equal(documented, exposed) {
		t.Errorf("documented are %v\nexposed are %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(exposed)))
	}
}

// Every file of deploy/ that docs/operations.md or the README links to exists.
func TestDocumentedFiles(t *testing.T) {
	for _, doc := range []string{"docs/operations.md", "README.md"} {
		for _, link := range regexp.MustCompile(`\]\((?:\.\./)?(deploy/[^)#]+)`).FindAllStringSubmatch(read(t, doc), -1) {
			if _, err := os.Stat(link[1]); err != nil {
				t.Errorf("%s: %v", doc, err)
			}
		}
	}
}
