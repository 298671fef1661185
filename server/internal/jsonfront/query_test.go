package jsonfront

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/gen/openapi"
)

// binding is one HTTP binding of the contract.
type binding struct {
	method, path string
	query        []string // names of its query parameters in JSON
}

// bindings returns all bindings of the contract, with values for their path parameters.
func bindings(t *testing.T) (all []binding) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(openapi.Document, &doc); err != nil {
		t.Fatal(err)
	}
	values := strings.NewReplacer("{agentId}", "1287", "{reason}", "3", "{autoflag}", "true")
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			b := binding{method: strings.ToUpper(method), path: values.Replace(path)}
			for _, p := range operation.Parameters {
				if p.In == "query" {
					b.query = append(b.query, p.Name)
				}
			}
			all = append(all, b)
		}
	}
	if len(all) < 50 {
		t.Fatalf("%d bindings, want at least 50", len(all))
	}
	return all
}

// On REST no operation accepts an unknown query parameter, whether it takes its fields
// from the body, from the query or only from the path. In the gateway dialect every
// operation ignores it.
func TestUnknownQueryParameter(t *testing.T) {
	f := newTestFront(stubService{})
	for _, b := range bindings(t) {
		w := f.send(b.method, b.path+"?nobody=88887946", "{}", nil)
		if strings.HasPrefix(b.path, gatewayRoot) {
			f.takeCall(t)
			continue
		}
		f.checkRejected(t, w, "nobody: is not a query parameter of this operation")
		f.send(b.method, b.path, "{}", nil)
		f.takeCall(t)
	}
}

// The query parameters that the OpenAPI document has, by either name, are accepted.
func TestDocumentedQueryParameters(t *testing.T) {
	f := newTestFront(stubService{})
	for _, b := range bindings(t) {
		for _, name := range b.query {
			f.send(b.method, b.path+"?"+name+"=1", "", nil)
			if got := f.takeCall(t); proto.Size(got.request) <= proto.Size(f.callWithout(t, b)) {
				t.Errorf("%s %s ignores %s: %v", b.method, b.path, name, got.request)
			}
		}
	}
}

// callWithout returns the request of a binding's call without a query.
func (f *testFront) callWithout(t *testing.T, b binding) proto.Message {
	t.Helper()
	f.send(b.method, b.path, "", nil)
	return f.takeCall(t).request
}

const (
	watchPath = "/v1/agents/1287/events"
	skillPath = "/agentgateway/resource/onlineagent/1287/resetskill/"
	pollPath  = "/agentgateway/resource/agentevent/1287"
)

// A parameter that is not known is named only if its name has the form of an
// identifier: anything else may be a value.
func TestQueryViolationsOnREST(t *testing.T) {
	f := newTestFront(stubService{})
	const unknown, repeated = ": is not a query parameter of this operation", ": occurs more than once"
	for target, want := range map[string][]string{
		"GET " + watchPath + "?after_sequence=x":                        {"after_sequence: " + wrongType},
		"GET " + watchPath + "?after_sequence=":                         {"after_sequence: " + wrongType},
		"GET " + watchPath + "?after_sequence=1&after_sequence=1":       {"after_sequence" + repeated},
		"GET " + watchPath + "?after_sequence=1&afterSequence=1":        {"after_sequence" + repeated},
		"GET " + watchPath + "?after_sequence=1&agent_id=1288":          {"agent_id" + unknown},
		"GET " + watchPath + "?after_sequence=x&b=1&a=2":                {"after_sequence: " + wrongType, "a" + unknown, "b" + unknown},
		"GET " + watchPath + "?70265318495=1":                           {"query" + unknown},
		"GET " + watchPath + "?a%20b=1":                                 {"query" + unknown},
		"GET " + watchPath + "?" + strings.Repeat("a", 41) + "=1":       {"query" + unknown},
		"GET " + watchPath + "?after_sequence=%zz":                      {"query: is not percent-encoded correctly"},
		"GET /v1/agents/1287/conference:queryAllConfIds?conf_id=1":      {"conf_id" + unknown},
		"POST /v1/agents/1287/conference:answerAgentConf?agentId=1":     {"agentId" + unknown},
		"POST " + holdREST + "?address=1":                               {"address" + unknown},
		"POST " + holdREST + "?agent_id=1288&agent_id=1289":             {"agent_id" + unknown},
		"POST " + holdREST + "?x;y=1":                                   {"query" + unknown},
		"POST " + holdREST + "?%zz=1":                                   {"query: is not percent-encoded correctly"},
		"POST /v1/agents/1287/session:resetSkill?phonelinkage=1":        {"phonelinkage" + unknown},
		"POST /v1/agents/1287/session:handshake?serviceToken=1":         {"serviceToken" + unknown},
		"POST /v1/agents/1287/session:forceLogoutWithReason?reason=one": {"reason" + unknown},
	} {
		method, path, _ := strings.Cut(target, " ")
		w := f.send(method, path, "{}", nil)
		f.checkRejected(t, w, want...)
		if t.Failed() {
			t.Fatal(target)
		}
	}
}

// An empty query is none.
func TestEmptyQuery(t *testing.T) {
	f := newTestFront(stubService{})
	for _, query := range []string{"?", "?&", "?&&"} {
		if w := f.sendHold(holdREST+query, nil); w.Code != http.StatusOK {
			t.Errorf("%s: HTTP status %d, %s", query, w.Code, w.Body)
		}
		f.takeCall(t)
	}
}

// In the gateway dialect an operation that takes no query parameters ignores the query.
func TestQueryInGatewayDialect(t *testing.T) {
	f := newTestFront(stubService{})
	for target, accepted := range map[string]bool{
		"POST " + holdGateway + "?playMode=x&address=2":                              true,
		"POST " + holdGateway + "?%zz":                                               true,
		"POST /agentgateway/resource/agentconf/1287/answeragentconf?%zz&agent_id=12": true,
		"POST " + skillPath + "true?agent_id=1288&autoflag=false&_=1764000000":       true,
		"POST " + skillPath + "true?phonelinkage=1&phonelinkage=1":                   false,
		"POST " + skillPath + "true?phonelinkage=x":                                  false,
		"POST " + skillPath + "true?phonelinkage=":                                   true,
		"POST " + skillPath + "true?phonelinkage=null&skillid=null":                  true,
		"GET " + pollPath + "?calldata=%zz":                                          false,
	} {
		method, path, _ := strings.Cut(target, " ")
		w := f.send(method, path, "{}", nil)
		if !accepted {
			f.checkNoCall(t)
			if w.Code != http.StatusOK || retcodeIn(t, w.Body.Bytes()) != "000-002" {
				t.Errorf("%s: HTTP status %d, %s", target, w.Code, w.Body)
			}
			continue
		}
		call := f.takeCall(t)
		if got := call.request.(interface{ GetAgentId() string }).GetAgentId(); got != "1287" {
			t.Errorf("%s calls for agent %s", target, got)
		}
		if skills, ok := call.request.(*agentconfv1.ResetSkillRequest); ok && !skills.GetAutoflag() {
			t.Errorf("%s changes the path parameter: %v", target, skills)
		}
	}
}

// A list of skills has bare semicolons, as in the documentation. A value of the wrong
// type in the URL is rejected with the name of its field.
func TestValuesInURL(t *testing.T) {
	f := newTestFront(stubService{})
	w := f.send("POST", skillPath+"false?skillid=1;2;3", "", nil)
	skills := f.takeCall(t).request.(*agentconfv1.ResetSkillRequest)
	if w.Code != http.StatusOK || skills.GetSkillid() != "1;2;3" || skills.GetAutoflag() {
		t.Errorf("HTTP status %d, %s; the call is %v", w.Code, w.Body, skills)
	}
	for path, field := range map[string]string{
		skillPath + "true?phonelinkage=yes":                               "phonelinkage",
		"/agentgateway/resource/onlineagent/1287/forcelogoutwithreason/x": "reason",
	} {
		method := "POST"
		if field == "reason" {
			method = "DELETE"
		}
		w := f.send(method, path, "", nil)
		if got := w.Body.String(); !strings.Contains(got, "wrong: "+field+" "+wrongType) || !strings.Contains(got, "000-002") {
			t.Errorf("%s: %s", path, got)
		}
	}
	f.checkNoCall(t)
}
