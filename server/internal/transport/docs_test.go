package transport_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"agentconf/conformance"
	"agentconf/gen/openapi"
)

var linked = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

// The page and all that it links to are there, and need no other host.
func TestDocs(t *testing.T) {
	f := newFronts(t, sockets)
	if httpStatus, header, _ := f.get(t, "/docs", ""); httpStatus/100 != 3 || header.Get("Location") != "/docs/" {
		t.Errorf("/docs: HTTP status %d to %q", httpStatus, header.Get("Location"))
	}
	_, header, page := f.get(t, "/docs/", "")
	if got := header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("the page is %s", got)
	}
	links := linked.FindAllSubmatch(page, -1)
	if len(links) < 4 {
		t.Fatalf("links %q in %s", links, page)
	}
	paths := []string{"/docs/", "/docs/openapi.json"}
	for _, link := range links {
		paths = append(paths, "/docs/"+string(link[1]))
	}
	for _, path := range paths {
		httpStatus, header, body := f.get(t, path, "")
		if httpStatus != http.StatusOK || len(body) == 0 {
			t.Errorf("%s: HTTP status %d, %d bytes", path, httpStatus, len(body))
		}
		if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") ||
			strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: Content-Security-Policy %q", path, policy)
		}
		if got := header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if httpStatus, _, _ := f.get(t, path, header.Get("Etag")); httpStatus != http.StatusNotModified {
			t.Errorf("%s: HTTP status %d for one who has it", path, httpStatus)
		}
	}
}

func (f *fronts) get(t *testing.T, path, etag string) (int, http.Header, []byte) {
	t.Helper()
	return f.send(t, "GET", path, func(r *http.Request) {
		r.Body, r.ContentLength = http.NoBody, 0
		r.Header.Set("If-None-Match", etag)
	})
}

// What is beside the documentation is an unknown path like any other.
func TestDocsOnly(t *testing.T) {
	f := newFronts(t, sockets)
	for _, call := range []struct{ method, path string }{
		{"GET", "/docs/nothing"}, {"GET", "/docsx"}, {"GET", "/docs/swagger-ui.js"},
		{"POST", "/docs/"}, {"OPTIONS", "/docs/openapi.json"}, {"DELETE", "/docs"},
	} {
		httpStatus, _, body := f.send(t, call.method, call.path, nil)
		if httpStatus != http.StatusNotFound || reasonOf(t, body) != "NO_SUCH_OPERATION" {
			t.Errorf("%v: HTTP status %d, %s", call, httpStatus, body)
		}
	}
}

// Who reads the documentation makes no call.
func TestDocsAreNoCall(t *testing.T) {
	v := serve(t, service{})
	defer v.stop()
	resp, err := v.http.Get("http://agentconf.test/docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	counted := regexp.MustCompile(`(?m)^grpc_server_started_total.* (\S+)$`).FindAllStringSubmatch(scrape(v.metrics), -1)
	if len(counted) == 0 {
		t.Error("no counter of calls")
	}
	for _, line := range counted {
		if line[1] != "0" {
			t.Error(line[0])
		}
	}
	if got := v.log.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
}

// operation is one of the OpenAPI document.
type operation struct {
	Security  *[]map[string][]string
	Responses map[string]struct {
		Schema   map[string]any
		Examples map[string]json.RawMessage
	}
}

type openAPI struct {
	Host, BasePath      string
	Security            []map[string][]string
	SecurityDefinitions map[string]struct{ Type, In, Name string }
	Paths               map[string]map[string]operation
	Definitions         map[string]struct{ Example json.RawMessage }
}

func readOpenAPI(t *testing.T) (doc openAPI) {
	t.Helper()
	if err := json.Unmarshal(openapi.Document, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The document says what every call needs, and the two ways in which errors look.
func TestDocsDocument(t *testing.T) {
	doc := readOpenAPI(t)
	if doc.Host != "" || doc.BasePath != "" {
		t.Errorf("calls go to %s%s, not where the document came from", doc.Host, doc.BasePath)
	}
	if _, needed := doc.Security[0]["Guid"]; !needed {
		t.Errorf("calls need %v", doc.Security)
	}
	if guid := doc.SecurityDefinitions["Guid"]; guid.Type != "apiKey" || guid.In != "header" || guid.Name != "Guid" {
		t.Errorf("the GUID is %v", guid)
	}
	for path, methods := range doc.Paths {
		want := "#/definitions/rpcStatus"
		if strings.HasPrefix(path, "/agentgateway/") {
			want = "#/definitions/gatewayError"
		}
		signsIn := strings.HasSuffix(strings.ToLower(path), "login") || path == "/agentgateway/resource/onlineagent/{agentId}"
		for method, op := range methods {
			if got := op.Responses["default"].Schema["$ref"]; got != want {
				t.Errorf("%s %s: errors are %v, want %s", method, path, got, want)
			}
			if free := op.Security != nil && len(*op.Security) == 0; free != signsIn {
				t.Errorf("%s %s: needs no GUID: %v", method, path, free)
			}
		}
	}
}

// The examples of hold and unhold are accepted, and answered as the document says.
func TestDocsExamples(t *testing.T) {
	doc := readOpenAPI(t)
	if got := doc.Definitions["ConferenceServiceHoldParticipantBody"].Example; !jsonEqual(t, got, []byte(documentedBody)) {
		t.Errorf("the example of a hold is %s", got)
	}
	f := newFronts(t, sockets)
	for _, name := range []string{"HoldParticipant", "UnholdParticipant"} {
		example := string(doc.Definitions["ConferenceService"+name+"Body"].Example)
		path := "/v1/agents/1287/conference:" + strings.ToLower(name[:1]) + name[1:]
		_, _, body := f.send(t, "POST", path, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(example)), int64(len(example))
		})
		if want := doc.Definitions["v1"+name+"Response"].Example; !jsonEqual(t, body, want) {
			t.Errorf("%s of %s: %s, want %s", name, example, body, want)
		}
	}
}

// The examples of errors are what is answered.
func TestDocsErrors(t *testing.T) {
	doc := readOpenAPI(t)
	refused, unreachable := newFronts(t, sockets), newFronts(t, sockets)
	refusal := `{"message":"not the chairperson","retcode":"101-002","result":{}}`
	refused.gateway.Play(conformance.Script{Reply: &refusal})
	unreachable.gateway.Play(conformance.Script{Fault: "refuse"})
	_, _, v1 := refused.send(t, "POST", holdV1, nil)
	_, _, dialect := unreachable.send(t, "POST", holdGateway, nil)
	for path, body := range map[string][]byte{
		"/v1/agents/{agentId}/conference:holdParticipant":            v1,
		"/agentgateway/resource/agentconf/{agentId}/holdparticipant": dialect,
	} {
		want := doc.Paths[path]["post"].Responses["default"].Examples["application/json"]
		if !jsonEqual(t, body, want) {
			t.Errorf("%s:\n%s\nwant\n%s", path, body, want)
		}
	}
}
