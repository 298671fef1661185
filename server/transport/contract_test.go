package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
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

// TestContract runs every case over every front.
func TestContract(t *testing.T) {
	for _, c := range readCases(t) {
		for _, caller := range callers {
			if c.Only != "" && c.Only != caller.only {
				continue
			}
			t.Run(c.Name+"/"+caller.name, func(t *testing.T) {
				t.Parallel()
				if c.Gateway == nil || c.Gateway.Fault != "stall" {
					c.run(t, newFronts(t, sockets), caller.call)
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
	name := protoreflect.FullName("agentconf.v1." + c.RPC)
	req, resp := newMessage(t, name+"Request"), newMessage(t, name+"Response")
	if err := protojson.Unmarshal(c.Body, req); err != nil {
		t.Fatal(err)
	}
	req.ProtoReflect().Set(req.ProtoReflect().Descriptor().Fields().ByName("agent_id"), protoreflect.ValueOfString(c.AgentID))
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"guid": c.GUID})
	if c.Timeout != "" {
		timeout, err := time.ParseDuration(c.Timeout + "s") // 1500m is 1500ms
		if err != nil {
			t.Fatal(err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	err := f.conn.Invoke(ctx, "/agentconf.v1.ConferenceService/"+c.RPC, req, resp)
	if err != nil {
		c.checkStatus(t, status.Convert(err).Proto(), func(field string) string { return field })
		return
	}
	got, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	c.checkReply(t, got)
}

func newMessage(t *testing.T, name protoreflect.FullName) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

// request is the case as an HTTP request to path.
func (c contractCase) request(t *testing.T, path string) *http.Request {
	t.Helper()
	body := string(c.Body)
	if c.RawBody != nil {
		body = *c.RawBody
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://agentconf.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Guid"] = c.GUID
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if c.Timeout != "" {
		req.Header.Set("Grpc-Timeout", c.Timeout)
	}
	return req
}

func (c contractCase) overV1(t *testing.T, f *fronts) {
	verb := []rune(c.RPC)
	verb[0] = unicode.ToLower(verb[0])
	httpStatus, header, body := f.do(t, c.request(t, "/v1/agents/"+url.PathEscape(c.AgentID)+"/conference:"+string(verb)))
	checkHeader(t, header)
	if c.Want.Code == "OK" {
		if httpStatus != http.StatusOK {
			t.Errorf("HTTP status %d", httpStatus)
		}
		c.checkReply(t, body)
		return
	}
	if httpStatus != c.Want.V1Status {
		t.Errorf("HTTP status %d, want %d", httpStatus, c.Want.V1Status)
	}
	c.checkRetryAfter(t, header)
	got := &spb.Status{}
	if err := protojson.Unmarshal(body, got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	c.checkStatus(t, got, camelCase)
}

func (c contractCase) overDialect(t *testing.T, f *fronts) {
	path := "/agentgateway/resource/agentconf/" + url.PathEscape(c.AgentID) + "/" + strings.ToLower(c.RPC)
	httpStatus, header, body := f.do(t, c.request(t, path))
	checkHeader(t, header)
	if c.Want.Code == "OK" {
		if httpStatus != http.StatusOK {
			t.Errorf("HTTP status %d", httpStatus)
		}
		c.checkReply(t, body)
		return
	}
	if httpStatus != c.Want.GatewayStatus {
		t.Errorf("HTTP status %d, want %d", httpStatus, c.Want.GatewayStatus)
	}
	c.checkRetryAfter(t, header)
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

func checkHeader(t *testing.T, header http.Header) {
	t.Helper()
	if got := header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	for name := range header {
		if strings.HasPrefix(name, "Grpc-") {
			t.Errorf("header %s leaks from gRPC", name)
		}
	}
}

func (c contractCase) checkRetryAfter(t *testing.T, header http.Header) {
	t.Helper()
	if got, want := header.Get("Retry-After"), strings.TrimSuffix(c.Want.Retry, "s"); got != want {
		t.Errorf("Retry-After %q, want %q", got, want)
	}
}

func (c contractCase) checkReply(t *testing.T, got []byte) {
	t.Helper()
	if c.Want.Code != "OK" {
		t.Fatalf("OK with %s, want %s", got, c.Want.Code)
	}
	if !jsonEqual(t, got, c.Want.Reply) {
		t.Errorf("reply %s, want %s", got, c.Want.Reply)
	}
}

// checkStatus compares an error with the case; named gives a field the name it
// has on this front.
func (c contractCase) checkStatus(t *testing.T, got *spb.Status, named func(string) string) {
	t.Helper()
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + c.Want.Code + `"`)); err != nil {
		t.Fatal(err)
	}
	if codes.Code(got.GetCode()) != code {
		t.Errorf("code %v, want %v (%s)", codes.Code(got.GetCode()), code, got.GetMessage())
	}
	var violations []string
	retry := ""
	reason := &errdetails.ErrorInfo{}
	for _, detail := range status.FromProto(got).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				violations = append(violations, v.GetField())
			}
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration().String()
		default:
			t.Errorf("unexpected detail %T", d)
		}
	}
	wantInfo := &errdetails.ErrorInfo{Domain: "agentconf", Reason: c.Want.Reason, Metadata: map[string]string{
		"outcome": c.Want.Outcome, "operation": strings.ToLower(c.RPC[:1]) + c.RPC[1:],
	}}
	if c.Want.Retcode != "" {
		wantInfo.Metadata["retcode"] = c.Want.Retcode
	}
	if !proto.Equal(reason, wantInfo) {
		t.Errorf("ErrorInfo %v, want %v", reason, wantInfo)
	}
	var wantViolations []string
	for _, field := range c.Want.Violations {
		wantViolations = append(wantViolations, named(field))
	}
	if !slices.Equal(violations, wantViolations) {
		t.Errorf("violations %v, want %v", violations, wantViolations)
	}
	if retry != c.Want.Retry {
		t.Errorf("retry delay %q, want %q", retry, c.Want.Retry)
	}
	c.checkSecrets(t, "the message", got.GetMessage())
}

// checkGateway holds what the gateway got against the documentation: method,
// path, headers and body, once; or nothing at all.
func (c contractCase) checkGateway(t *testing.T, f *fronts) {
	t.Helper()
	got := f.gateway.received()
	if c.Gateway == nil || c.Gateway.Fault == "refuse" {
		if len(got) > 0 {
			t.Errorf("the gateway was reached: %v", got)
		}
		return
	}
	if len(got) != 1 {
		t.Fatalf("the gateway got %d requests, want 1", len(got))
	}
	r := got[0]
	if want := "POST /agentgateway/resource/agentconf/" + c.AgentID + "/" + strings.ToLower(c.RPC); r.line != want {
		t.Errorf("request %q, want %q", r.line, want)
	}
	wantHeader := http.Header{
		"Content-Type":   {"application/json; charset=UTF-8"},
		"Content-Length": r.header["Content-Length"], // read by the server, or the body would not be whole
		"Guid":           c.GUID,
	}
	if !reflect.DeepEqual(r.header, wantHeader) || r.host != "gateway.test:8043" {
		t.Errorf("headers %v of host %s, want %v", r.header, r.host, wantHeader)
	}
	if !jsonEqual(t, []byte(r.body), c.Sent) {
		t.Errorf("the gateway got %s, want %s", r.body, c.Sent)
	}
}

// checkSecrets looks for what no text may repeat.
func (c contractCase) checkSecrets(t *testing.T, where, text string) {
	t.Helper()
	secrets := append([]string{"88887946", "1136287.V3"}, c.GUID...)
	for _, s := range secrets {
		if len(s) > 4 && strings.Contains(text, s) {
			t.Errorf("%s repeats %q: %s", where, s, text)
		}
	}
}

func jsonEqual(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatalf("%v in %s", err, a)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return reflect.DeepEqual(x, y)
}

// camelCase turns the name of a field of this contract into its JSON name.
func camelCase(field string) string {
	known := map[string]string{
		"agent_id": "agentId", "address_type": "addressType", "play_mode": "playMode", "voice_path": "voicePath",
	}
	if name, ok := known[field]; ok {
		return name
	}
	return field
}
