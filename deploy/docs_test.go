package deploy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/operations.md has every metric of our own, and no other.
func TestDocumentedMetrics(t *testing.T) {
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile("`((?:agentconf|grpc_server)_[a-z_]+)`").FindAllStringSubmatch(read(t, "../docs/operations.md"), -1) {
		documented[name[1]] = true
	}
	exposed := map[string]bool{}
	for name := range scrape(t) {
		name = regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "agentconf_") || strings.HasPrefix(name, "grpc_server_") {
			exposed[name] = true
		}
	}
	if !maps.Equal(documented, exposed) {
		t.Errorf("documented are %v\nthere are %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(exposed)))
	}
}

// Files that docs/operations.md and the README name are there.
func TestDocumentedFiles(t *testing.T) {
	for _, doc := range []string{"../docs/operations.md", "../README.md"} {
		for _, link := range regexp.MustCompile(`\]\((?:\.\./)?(deploy/[^)#]+)`).FindAllStringSubmatch(read(t, doc), -1) {
			run(t, nil, "ls", "../"+link[1])
		}
	}
}
