package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

const (
	someGUID       = "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0"
	documentedBody = `{"address":"88887946","addressType":"6","playMode":2,"voicePath":"y:/conf/120/1136287.V3"}`
)

// contractCase is a case of conformance/cases.json; the README beside it says
// what the keys mean.
type contractCase struct {
	Name    string
	Only    string
	RPC     string
	Line    string
	AgentID string `json:"agent_id"`
	GUID    []string
	Timeout string
	Body    json.RawMessage
	RawBody *string `json:"raw_body"`
	Gateway *gatewayScript
	Sent    json.RawMessage
	Want    wanted
}

type wanted struct {
	Code           string
	Reply          json.RawMessage
	GatewayReply   json.RawMessage `json:"gateway_reply"`
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

func readCases(t *testing.T) []contractCase {
	t.Helper()
	data, err := os.ReadFile("../../conformance/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	cases := make([]contractCase, len(raw))
	for i, r := range raw {
		c := contractCase{
			RPC: "HoldParticipant", AgentID: "1287", GUID: []string{someGUID},
			Body: json.RawMessage(documentedBody), Sent: json.RawMessage(documentedBody),
			Want: wanted{Reply: json.RawMessage(documentedReply)},
		}
		dec := json.NewDecoder(bytes.NewReader(r))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		cases[i] = c
	}
	return cases
}

// callers are the ways in; each makes the call of a case and compares what the
// caller is told.
var callers = []struct {
	name, only string
	call       func(contractCase, *testing.T, *fronts)
}{
	{"gRPC", "grpc", contractCase.overGRPC},
	{"v1", "json", contractCase.overV1},
	{"gateway dialect", "json", contractCase.overDialect},
}

// TestContract runs every case over every front, with TLS and HTTP/2 as well.
func TestContract(t *testing.T) {
	for _, c := range readCases(t) {
		for _, caller := range callers {
			if c.Only != "" && c.Only != caller.only {
				continue
			}
			t.Run(c.Name+"/"+caller.name, func(t *testing.T) {
				if c.Gateway == nil || c.Gateway.Fault != "stall" {
					c.run(t, newFronts(t, sockets), caller.call)
					c.run(t, newFronts(t, securedSockets), caller.call)
					return
				}
				// Time has to pass; in memory it does so at once.
				synctest.Test(t, func(t *testing.T) { c.run(t, newFronts(t, memory), caller.call) })
			})
		}
	}
}

// TestRetcodes runs every known retcode over every front.
func TestRetcodes(t *testing.T) {
	file, err := os.Open("../../conformance/retcodes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	v1 := map[string]int{
		"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "UNAUTHENTICATED": 401,
		"PERMISSION_DENIED": 403, "ABORTED": 409, "UNKNOWN": 500, "UNAVAILABLE": 503,
	}
	f := newFronts(t, sockets)
	rows := bufio.NewScanner(file)
	rows.Scan() // the heading
	tested := 0
	for ; rows.Scan(); tested++ {
		row := strings.Split(rows.Text(), "\t")
		reply, message := `{"message":"said","retcode":"`+row[0]+`","result":{}}`, "said"
		c := contractCase{
			Name: row[0], RPC: "HoldParticipant", AgentID: "1287", GUID: []string{someGUID},
			Body: json.RawMessage(documentedBody), Sent: json.RawMessage(documentedBody),
			Gateway: &gatewayScript{Reply: &reply},
			Want: wanted{
				Code: row[1], Reason: row[2], Outcome: row[3], Retcode: row[0], V1Status: v1[row[1]],
				GatewayStatus: http.StatusOK, GatewayRetcode: row[0], GatewayMessage: &message,
			},
		}
		if row[1] == "UNAVAILABLE" {
			c.Want.Retry = "2s"
		}
		for _, caller := range callers {
			t.Run(c.Name+"/"+caller.name, func(t *testing.T) { c.run(t, f, caller.call) })
		}
	}
	if tested < 197 {
		t.Errorf("%d retcodes tested, 197 are known", tested)
	}
}

func (c contractCase) run(t *testing.T, f *fronts, call func(contractCase, *testing.T, *fronts)) {
	if c.Gateway != nil {
		f.gateway.play(*c.Gateway)
	}
	call(c, t, f)
	c.checkGateway(t, f)
	c.checkSecrets(t, "the log", f.log.String())
}

func (c contractCase) overGRPC(t *testing.T, f *fronts) {
	resp, err := c.invoke(t.Context(), t, f)
	if err != nil {
		c.checkStatus(t, status.Convert(err).Proto(), func(field string) string { return field })
		return
	}
	if c.Want.Code != "OK" {
		t.Fatalf("OK with %v, want %s", resp, c.Want.Code)
	}
	got, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	checkReply(t, got, c.Want.Reply)
}

// invoke makes the call over gRPC.
func (c contractCase) invoke(ctx context.Context, t *testing.T, f *fronts) (proto.Message, error) {
	t.Helper()
	name := protoreflect.FullName("agentconf.v1." + c.RPC)
	req, resp := newMessage(t, name+"Request"), newMessage(t, name+"Response")
	if c.hasBody() {
		if err := protojson.Unmarshal(c.Body, req); err != nil {
			t.Fatal(err)
		}
	}
	req.ProtoReflect().Set(req.ProtoReflect().Descriptor().Fields().ByName("agent_id"), protoreflect.ValueOfString(c.AgentID))
	ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"guid": c.GUID})
	if c.Timeout != "" {
		timeout, err := time.ParseDuration(c.Timeout + "s") // 1500m is 1500ms
		if err != nil {
			t.Fatal(err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return resp, f.conn.Invoke(ctx, "/"+string(c.service(t).FullName())+"/"+c.RPC, req, resp)
}

// hasBody reports whether the call has arguments besides the agent.
func (c contractCase) hasBody() bool { return string(c.Body) != "null" }

// line is the request line of the call in the gateway's own dialect.
func (c contractCase) line() string {
	if c.Line != "" {
		return c.Line
	}
	return "POST /agentgateway/resource/agentconf/" + url.PathEscape(c.AgentID) + "/" + strings.ToLower(c.RPC)
}

// service is the descriptor of the service that has the RPC of c.
func (c contractCase) service(t *testing.T) (service protoreflect.ServiceDescriptor) {
	t.Helper()
	protoregistry.GlobalFiles.RangeFilesByPackage("agentconf.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			if s := f.Services().Get(i); s.Methods().ByName(protoreflect.Name(c.RPC)) != nil {
				service = s
			}
		}
		return service == nil
	})
	if service == nil {
		t.Fatalf("no service has %s", c.RPC)
	}
	return service
}

func newMessage(t *testing.T, name protoreflect.FullName) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

// request is the case as an HTTP request.
func (c contractCase) request(t *testing.T, method, path string) *http.Request {
	t.Helper()
	body := string(c.Body)
	if !c.hasBody() || strings.HasPrefix(path, "/agentgateway/") && string(c.Sent) == "null" {
		body = ""
	}
	if c.RawBody != nil {
		body = *c.RawBody
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://agentconf.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.GUID) > 0 {
		req.Header["Guid"] = c.GUID
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if c.Timeout != "" {
		req.Header.Set("Grpc-Timeout", c.Timeout)
	}
	return req
}

// overHTTP makes the call by method and path. It returns nil if the case ends in success,
// which it has compared then; else the body of the error, whose HTTP status it has.
func (c contractCase) overHTTP(t *testing.T, f *fronts, method, path string, wantReply []byte, wantStatus int) (errorBody []byte) {
	httpStatus, header, body := f.do(t, c.request(t, method, path))
	checkHeader(t, header)
	if c.Gateway != nil && c.Gateway.SetGUID != "" && !slices.Equal(header["Set-Guid"], []string{"JSESSIONID=" + c.Gateway.SetGUID}) {
		t.Errorf("Set-GUID %q, want that of the gateway, %s", header["Set-Guid"], c.Gateway.SetGUID)
	}
	if c.Want.Code == "OK" {
		if httpStatus != http.StatusOK {
			t.Errorf("HTTP status %d", httpStatus)
		}
		checkReply(t, body, wantReply)
		return nil
	}
	if httpStatus != wantStatus {
		t.Errorf("HTTP status %d, want %d", httpStatus, wantStatus)
	}
	c.checkRetryAfter(t, header)
	return body
}

// v1 is the method and the path of the call in /v1.
func (c contractCase) v1(t *testing.T) (method, path string) {
	t.Helper()
	verb := strings.ToLower(c.RPC[:1]) + c.RPC[1:]
	resource := map[protoreflect.Name]string{
		"ConferenceService": "conference", "SessionService": "session", "EventService": "events",
	}[c.service(t).Name()]
	path = "/v1/agents/" + url.PathEscape(c.AgentID) + "/" + resource + ":" + verb
	if c.RPC == "QueryAllConfIds" {
		return http.MethodGet, path
	}
	return http.MethodPost, path
}

func (c contractCase) overV1(t *testing.T, f *fronts) {
	method, path := c.v1(t)
	body := c.overHTTP(t, f, method, path, c.Want.Reply, c.Want.V1Status)
	if body == nil {
		return
	}
	got := &spb.Status{}
	if err := protojson.Unmarshal(body, got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	c.checkStatus(t, got, camelCase)
}

func (c contractCase) overDialect(t *testing.T, f *fronts) {
	reply := c.Want.GatewayReply
	if reply == nil {
		reply = c.Want.Reply
	}
	method, path, _ := strings.Cut(c.line(), " ")
	body := c.overHTTP(t, f, method, path, reply, c.Want.GatewayStatus)
	if body == nil {
		return
	}
	var got struct {
		Message string
		Retcode string
		Result  map[string]any
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil || got.Result == nil || len(got.Result) > 0 {
		t.Fatalf("not an envelope with an empty result (%v): %s", err, body)
	}
	if got.Retcode != c.Want.GatewayRetcode {
		t.Errorf("retcode %s, want %s", got.Retcode, c.Want.GatewayRetcode)
	}
	if c.Want.GatewayMessage != nil && got.Message != *c.Want.GatewayMessage {
		t.Errorf("message %q, want %q", got.Message, *c.Want.GatewayMessage)
	}
	for _, field := range c.Want.Violations {
		if !strings.Contains(got.Message, camelCase(field)) {
			t.Errorf("message %q does not name %s", got.Message, camelCase(field))
		}
	}
	c.checkSecrets(t, "the message", got.Message)
}
