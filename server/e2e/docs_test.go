package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"agentconf/conformance"
	"agentconf/gen/openapi"
)

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
