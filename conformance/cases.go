// Package conformance holds the contract as examples: the cases that agentconf must pass in every
// language, and the scripted gateway for them. The README beside it defines the keys of a case.
package conformance

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "agentconf/gen/agentconf/v1" // the services that the cases call
)

const (
	// SomeGUID is the default GUID of a case.
	SomeGUID = "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0"

	// DocumentedBody and DocumentedReply are the request and response in the gateway's documentation.
	DocumentedBody  = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
	DocumentedReply = `{"result":{},"message":"success","retcode":"0"}`
)

// The fronts, as the key "only" of a case has them.
const (
	FrontGRPC    = "grpc"
	FrontREST    = "v1"
	FrontDialect = "gateway"
)

//go:embed cases.json
var casesFile []byte

//go:embed retcodes.tsv
var retcodesFile string

// Case is one call, or a scenario if it has Steps.
type Case struct {
	Name         string
	Only         string
	RPC          string
	Line         string
	AgentID      string `json:"agent_id"`
	GUID         []string
	GUIDHeader   string `json:"guid_header"`
	ServiceToken string `json:"service_token"`
	Timeout      string
	CancelAfter  string `json:"cancel_after"`
	Body         json.RawMessage
	RawBody      *string `json:"raw_body"`
	Gateway      *Script
	Sent         json.RawMessage
	Want         Want

	Unconfirmed bool // the emulator accepts the first hold and does not execute it
	Steps       []Step
}

// Want is the expected result of a call.
type Want struct {
	Code           string
	Reply          json.RawMessage
	GatewayReply   json.RawMessage `json:"gateway_reply"`
	Has            json.RawMessage
	Reason         string
	Outcome        string
	Retcode        string
	Violations     []string
	Retry          string
	V1Status       int     `json:"v1_status"`
	GatewayStatus  int     `json:"gateway_status"`
	GatewayRetcode string  `json:"gateway_retcode"`
	GatewayMessage *string `json:"gateway_message"`
}

// Step is one step of a scenario; exactly one of its keys is set.
type Step struct {
	Call  *Case
	Watch *Watch          // starts a watch
	Next  json.RawMessage // a part of the watch's next message
	Stop  bool            // cancels the watch
	End   *Want           // agentconf ends the watch with this status
}

// Watch holds the GUIDs of a watch and where it starts.
type Watch struct {
	GUID   []string
	Resume bool // after the last event that the client has received
}

// Cases returns the cases of one call.
func Cases() ([]Case, error) {
	return read(func(c Case) bool { return c.Steps == nil })
}

// Scenarios returns the cases with steps.
func Scenarios() ([]Case, error) {
	return read(func(c Case) bool { return c.Steps != nil })
}

func read(wanted func(Case) bool) (cases []Case, err error) {
	if err := json.Unmarshal(casesFile, &cases); err != nil {
		return nil, fmt.Errorf("cases.json: %w", err)
	}
	return slices.DeleteFunc(cases, func(c Case) bool { return !wanted(c) }), nil
}

// newCase returns a case with every default.
func newCase() Case {
	return Case{
		RPC: "HoldParticipant", AgentID: "1287", GUID: []string{SomeGUID}, GUIDHeader: "Guid",
		Body: json.RawMessage(DocumentedBody), Sent: json.RawMessage(DocumentedBody),
		Want: Want{Reply: json.RawMessage(DocumentedReply)},
	}
}

// UnmarshalJSON decodes a case over the defaults. It rejects unknown keys.
func (c *Case) UnmarshalJSON(text []byte) error {
	type plain Case // without this method
	full := plain(newCase())
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&full); err != nil {
		return fmt.Errorf("case %q: %w", full.Name, err)
	}
	*c = Case(full)
	return nil
}

// Retcodes returns a case for every retcode in retcodes.tsv: the documented hold, which the gateway
// answers with that retcode.
func Retcodes() (cases []Case) {
	rows := strings.Split(strings.TrimSpace(retcodesFile), "\n")
	for _, row := range rows[1:] {
		column := strings.Split(row, "\t")
		reply, message := `{"message":"said","retcode":"`+column[0]+`","result":{}}`, "said"
		c := newCase()
		c.Name, c.Gateway = "retcode "+column[0], &Script{Reply: &reply}
		c.Want = Want{
			Code: column[1], Reason: column[2], Outcome: column[3], Retcode: column[0], V1Status: v1Status[column[1]],
			GatewayStatus: 200, GatewayRetcode: column[0], GatewayMessage: &message,
		}
		if column[1] == "UNAVAILABLE" {
			c.Want.Retry = "2s"
		}
		cases = append(cases, c)
	}
	return cases
}

// v1Status maps the codes of retcodes.tsv to the HTTP status of REST.
var v1Status = map[string]int{
	"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "UNAUTHENTICATED": 401,
	"PERMISSION_DENIED": 403, "ABORTED": 409, "UNKNOWN": 500, "UNAVAILABLE": 503,
}

// Over reports whether the case is for a front.
func (c Case) Over(front string) bool {
	return c.Only == "" || c.Only == front || c.Only == "json" && front != FrontGRPC
}

// RetryAfter returns the header Retry-After of an error, or "". A new sign-in or a newer GUID has
// one without RetryInfo, for programs that repeat a request in a loop.
func (w Want) RetryAfter() string {
	if w.Reason == "SIGN_IN_REQUIRED" || w.Reason == "GUID_STALE" {
		return "10"
	}
	return strings.TrimSuffix(w.Retry, "s")
}

// HasBody reports whether the call has arguments besides the agent.
func (c Case) HasBody() bool { return string(c.Body) != "null" }

// Operation returns the gateway's name of the operation.
func (c Case) Operation() string { return strings.ToLower(c.RPC[:1]) + c.RPC[1:] }

// RequestLine returns method and target in the gateway dialect.
func (c Case) RequestLine() string {
	if c.Line != "" {
		return strings.Replace(c.Line, "/1287", "/"+c.AgentID, 1)
	}
	return "POST /agentgateway/resource/agentconf/" + url.PathEscape(c.AgentID) + "/" + strings.ToLower(c.RPC)
}

// V1 returns method and target in REST.
func (c Case) V1() string {
	method := "POST"
	if c.RPC == "QueryAllConfIds" {
		method = "GET"
	}
	resource := map[protoreflect.Name]string{
		"ConferenceService": "conference", "SessionService": "session", "EventService": "events",
	}[c.Service().Name()]
	return method + " /v1/agents/" + url.PathEscape(c.AgentID) + "/" + resource + ":" + c.Operation()
}

// HTTPBody returns the HTTP body of the call. In the gateway dialect the arguments of some operations
// are in the request line.
func (c Case) HTTPBody(dialect bool) string {
	switch {
	case c.RawBody != nil:
		return *c.RawBody
	case !c.HasBody(), dialect && string(c.Sent) == "null":
		return ""
	}
	return string(c.Body)
}

// Service returns the service with the RPC of c.
func (c Case) Service() (service protoreflect.ServiceDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("agentconf.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			if s := f.Services().Get(i); s.Methods().ByName(protoreflect.Name(c.RPC)) != nil {
				service = s
			}
		}
		return service == nil
	})
	if service == nil {
		panic("conformance: no service has " + c.RPC)
	}
	return service
}

// CamelCase converts the proto name of a field to its JSON name.
func CamelCase(field string) string {
	return underscore.ReplaceAllStringFunc(field, func(s string) string { return strings.ToUpper(s[1:]) })
}

var underscore = regexp.MustCompile(`_[a-z]`)
