package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"agentconf/conformance"
)

const (
	someGUID        = conformance.SomeGUID
	documentedBody  = conformance.DocumentedBody
	documentedReply = conformance.DocumentedReply
)

// contractCase is a case of conformance/cases.json.
type contractCase struct{ conformance.Case }

func readCases(t *testing.T) (all []contractCase) {
	t.Helper()
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		all = append(all, contractCase{c})
	}
	return all
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
	f := newFronts(t, sockets)
	retcodes := conformance.Retcodes()
	for _, c := range retcodes {
		for _, caller := range callers {
			t.Run(c.Name+"/"+caller.name, func(t *testing.T) { contractCase{c}.run(t, f, caller.call) })
		}
	}
	if len(retcodes) < 197 {
		t.Errorf("%d retcodes tested, 197 are known", len(retcodes))
	}
}

func (c contractCase) run(t *testing.T, f *fronts, call func(contractCase, *testing.T, *fronts)) {
	if c.Gateway != nil {
		f.gateway.Play(*c.Gateway)
	}
	call(c, t, f)
	c.checkGateway(t, f)
	if c.CancelAfter != "" {
		c.checkLog(t, f)
	}
	c.checkSecrets(t, "the log", f.log.String())
}

func (c contractCase) overGRPC(t *testing.T, f *fronts) {
	ctx, cancel := c.context(t)
	defer cancel()
	resp, err := c.invoke(ctx, t, f)
	if c.CancelAfter != "" {
		if status.Code(err) != codes.Canceled {
			t.Errorf("%v, want what a caller is told who gave up", err)
		}
		return
	}
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
	if c.HasBody() {
		if err := protojson.Unmarshal(c.Body, req); err != nil {
			t.Fatal(err)
		}
	}
	req.ProtoReflect().Set(req.ProtoReflect().Descriptor().Fields().ByName("agent_id"), protoreflect.ValueOfString(c.AgentID))
	md := metadata.MD{"guid": c.GUID}
	if c.ServiceToken != "" {
		md.Set("service_token", c.ServiceToken)
	}
	if c.Timeout != "" {
		timeout, err := time.ParseDuration(c.Timeout + "s") // 1000m is 1000ms
		if err != nil {
			t.Fatal(err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	ctx = metadata.NewOutgoingContext(ctx, md)
	return resp, f.conn.Invoke(ctx, "/"+string(c.Service().FullName())+"/"+c.RPC, req, resp)
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
	ctx, cancel := c.context(t)
	t.Cleanup(cancel)
	body := c.HTTPBody(strings.HasPrefix(path, "/agentgateway/"))
	req, err := http.NewRequestWithContext(ctx, method, "http://agentconf.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.GUID) > 0 {
		req.Header[c.GUIDHeader] = c.GUID
	}
	if c.ServiceToken != "" {
		req.Header["service_token"] = []string{c.ServiceToken}
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if c.Timeout != "" {
		req.Header.Set("Grpc-Timeout", c.Timeout)
	}
	return req
}

// context ends when the caller of c gives up.
func (c contractCase) context(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	if c.CancelAfter != "" {
		after, err := time.ParseDuration(c.CancelAfter)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(after, cancel)
	}
	return ctx, cancel
}

// overHTTP makes the call by method and path. It returns nil if the case ends in success,
// which it has compared then; else the body of the error, whose HTTP status it has.
func (c contractCase) overHTTP(t *testing.T, f *fronts, method, path string, wantReply []byte, wantStatus int) (errorBody []byte) {
	req := c.request(t, method, path)
	if c.CancelAfter != "" {
		if resp, err := f.http.Do(req); err == nil {
			t.Errorf("HTTP status %d before the caller gave up", resp.StatusCode)
		}
		return nil
	}
	httpStatus, header, body := f.do(t, req)
	checkHeader(t, path, header)
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

func (c contractCase) overV1(t *testing.T, f *fronts) {
	method, path, _ := strings.Cut(c.V1(), " ")
	body := c.overHTTP(t, f, method, path, c.Want.Reply, c.Want.V1Status)
	if body == nil {
		return
	}
	got := &spb.Status{}
	if err := protojson.Unmarshal(body, got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	c.checkStatus(t, got, conformance.CamelCase)
}

func (c contractCase) overDialect(t *testing.T, f *fronts) {
	reply := c.Want.GatewayReply
	if reply == nil {
		reply = c.Want.Reply
	}
	method, path, _ := strings.Cut(c.RequestLine(), " ")
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
	if err := dec.Decode(&got); err != nil || len(got.Result) > 0 || c.Want.Retcode == "" && got.Result == nil {
		t.Fatalf("not an envelope, or with a result that is not the gateway's (%v): %s", err, body)
	}
	if got.Retcode != c.Want.GatewayRetcode {
		t.Errorf("retcode %s, want %s", got.Retcode, c.Want.GatewayRetcode)
	}
	if c.Want.GatewayMessage != nil && got.Message != *c.Want.GatewayMessage {
		t.Errorf("message %q, want %q", got.Message, *c.Want.GatewayMessage)
	}
	for _, field := range c.Want.Violations {
		if !strings.Contains(got.Message, conformance.CamelCase(field)) {
			t.Errorf("message %q does not name %s", got.Message, conformance.CamelCase(field))
		}
	}
	c.checkSecrets(t, "the message", got.Message)
}
