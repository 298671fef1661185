package jsonfront

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"agentconf/gen/openapi"
)

var linked = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func (f *testFront) get(path, etag string) recorder {
	return f.send("GET", path, "", func(r *http.Request) {
		r.Header.Del("Guid")
		r.Header.Set("If-None-Match", etag)
	})
}

// The page and every file that it links to are served, and load nothing from another
// host.
func TestDocs(t *testing.T) {
	f := newTestFront(stubService{})
	for _, path := range []string{"/", "/docs"} {
		if w := f.get(path, ""); w.Code/100 != 3 || w.Header().Get("Location") != "/docs/" {
			t.Errorf("%s: HTTP status %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
	page := f.get("/docs/", "")
	if got := page.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("the page is %s", got)
	}
	links := linked.FindAllSubmatch(page.Body.Bytes(), -1)
	if len(links) < 4 {
		t.Fatalf("links %q in %s", links, page.Body)
	}
	paths := []string{"/docs/", "/docs/openapi.json"}
	for _, link := range links {
		paths = append(paths, "/docs/"+string(link[1]))
	}
	for _, path := range paths {
		w := f.get(path, "")
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: HTTP status %d, %d bytes", path, w.Code, w.Body.Len())
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") ||
			strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: Content-Security-Policy %q", path, policy)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if again := f.get(path, w.Header().Get("Etag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: HTTP status %d with its ETag", path, again.Code)
		}
	}
}

// Other paths that begin like those of the documentation are unknown.
func TestDocsOnly(t *testing.T) {
	f := newTestFront(stubService{})
	for _, request := range []struct{ method, path string }{
		{"GET", "/docs/nothing"}, {"GET", "/docsx"}, {"GET", "/docs/swagger-ui.js"}, {"GET", "/docs/%2Fopenapi.json"},
		{"POST", "/"}, {"POST", "/docs/"}, {"OPTIONS", "/docs/openapi.json"}, {"DELETE", "/docs"},
	} {
		w := f.send(request.method, request.path, holdBody, nil)
		if w.Code != http.StatusNotFound || reasonOf(t, w.Body.Bytes()) != "NO_SUCH_OPERATION" {
			t.Errorf("%v: HTTP status %d, %s", request, w.Code, w.Body)
		}
	}
}

// A request for the documentation is neither counted nor logged as a call.
func TestDocsAreNoCall(t *testing.T) {
	f := newTestFront(stubService{})
	f.get("/docs/openapi.json", "")
	families, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counters := 0
	for _, family := range families {
		if family.GetName() != "grpc_server_started_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			counters++
			if got := m.GetCounter().GetValue(); got != 0 {
				t.Errorf("%v is %v, want 0", m.GetLabel(), got)
			}
		}
	}
	if counters == 0 {
		t.Error("no counter of calls")
	}
	if got := f.log.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
}

// operation is an operation of the OpenAPI document.
type operation struct {
	Tags      []string
	Security  *[]map[string][]string
	Responses map[string]struct{ Schema map[string]any }
}

// The REST operations come first: Swagger UI and other readers keep the order of the document.
func TestDocsOrder(t *testing.T) {
	document := string(openapi.Document)
	if lastREST, firstDialect := strings.LastIndex(document, `"/v1/`), strings.Index(document, `"/agentgateway/`); lastREST > firstDialect {
		t.Errorf("the last REST path is at byte %d, behind the first one of the dialect at %d", lastREST, firstDialect)
	}
}

// The document has the credential of every operation, both error styles, and a group of the
// gateway dialect.
func TestDocsDocument(t *testing.T) {
	var doc struct {
		Host, BasePath      string
		Security            []map[string][]string
		SecurityDefinitions map[string]struct{ Type, In, Name string }
		Paths               map[string]map[string]operation
	}
	if err := json.Unmarshal(openapi.Document, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Host != "" || doc.BasePath != "" {
		t.Errorf("calls go to %s%s, not to the origin of the document", doc.Host, doc.BasePath)
	}
	if _, needed := doc.Security[0]["Guid"]; !needed {
		t.Errorf("calls need %v", doc.Security)
	}
	if guid := doc.SecurityDefinitions["Guid"]; guid.Type != "apiKey" || guid.In != "header" || guid.Name != "Guid" {
		t.Errorf("the GUID is %v", guid)
	}
	for path, methods := range doc.Paths {
		want := "#/definitions/rpcStatus"
		if strings.HasPrefix(path, gatewayRoot) {
			want = "#/definitions/gatewayError"
		}
		signsIn := strings.HasSuffix(strings.ToLower(path), "login") || path == "/agentgateway/resource/onlineagent/{agentId}"
		for method, op := range methods {
			if isDialect := len(op.Tags) == 1 && op.Tags[0] == "Gateway dialect"; isDialect != strings.HasPrefix(path, gatewayRoot) {
				t.Errorf("%s %s: in the groups %v", method, path, op.Tags)
			}
			if got := op.Responses["default"].Schema["$ref"]; got != want {
				t.Errorf("%s %s: errors are %v, want %s", method, path, got, want)
			}
			if free := op.Security != nil && len(*op.Security) == 0; free != signsIn {
				t.Errorf("%s %s: needs no GUID: %v", method, path, free)
			}
		}
	}
}
