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

// openAPIDocument holds the examples of the OpenAPI document.
type openAPIDocument struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct{ Examples map[string]json.RawMessage }
	}
	Definitions map[string]struct{ Example json.RawMessage }
}

func readOpenAPI(t *testing.T) (doc openAPIDocument) {
	t.Helper()
	if err := json.Unmarshal(openapi.Document, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The service accepts the examples of hold and unhold, and replies as the document shows.
func TestOpenAPIExamples(t *testing.T) {
	doc := readOpenAPI(t)
	hold := doc.Definitions["ConferenceServiceHoldParticipantBody"].Example
	if !jsonEqual(t, hold, []byte(documentedBody)) {
		t.Errorf("example of a hold %s, want %s", hold, documentedBody)
	}
	f := newFronts(t, sockets)
	for _, name := range []string{"HoldParticipant", "UnholdParticipant"} {
		example := string(doc.Definitions["ConferenceService"+name+"Body"].Example)
		path := "/v1/agents/1287/conference:" + strings.ToLower(name[:1]) + name[1:]
		_, _, body := f.send(t, "POST", path, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(example)), int64(len(example))
		})
		if want := doc.Definitions["v1"+name+"Response"].Example; !jsonEqual(t, body, want) {
			t.Errorf("%s of %s: reply %s, want %s", name, example, body, want)
		}
	}
}

// The service replies with the errors that the document shows.
func TestOpenAPIErrors(t *testing.T) {
	doc := readOpenAPI(t)
	rejecting, unreachable := newFronts(t, sockets), newFronts(t, sockets)
	rejection := `{"message":"not the chairperson","retcode":"101-002","result":{}}`
	rejecting.gateway.Play(conformance.Script{Reply: &rejection})
	unreachable.gateway.Play(conformance.Script{Fault: "refuse"})
	_, _, rest := rejecting.send(t, "POST", holdV1, nil)
	_, _, dialect := unreachable.send(t, "POST", holdGateway, nil)
	for path, body := range map[string][]byte{
		"/v1/agents/{agentId}/conference:holdParticipant":            rest,
		"/agentgateway/resource/agentconf/{agentId}/holdparticipant": dialect,
	} {
		want := doc.Paths[path]["post"].Responses["default"].Examples["application/json"]
		if !jsonEqual(t, body, want) {
			t.Errorf("%s: reply %s, want %s", path, body, want)
		}
	}
}
