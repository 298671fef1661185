package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"agentconf/conformance"
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

// contractFronts lists the fronts. check makes the call of a case over the front and
// compares the result with the case.
var contractFronts = []struct {
	name, front string
	check       func(contractCase, *testing.T, *fronts)
}{
	{"gRPC", conformance.FrontGRPC, contractCase.checkGRPC},
	{"REST", conformance.FrontREST, contractCase.checkREST},
	{"gateway dialect", conformance.FrontDialect, contractCase.checkDialect},
}

// Every case of the contract has its result over every front, with and without TLS. With
// TLS the JSON port speaks HTTP/2.
func TestContract(t *testing.T) {
	for _, c := range readCases(t) {
		for _, front := range contractFronts {
			if !c.Over(front.front) {
				continue
			}
			t.Run(c.Name+"/"+front.name, func(t *testing.T) {
				if c.Gateway == nil || c.Gateway.Fault != "stall" {
					c.run(t, newFronts(t, sockets), front.check)
					c.run(t, newFronts(t, securedSockets), front.check)
					return
				}
				// In a bubble of synctest the deadlines take no real time.
				synctest.Test(t, func(t *testing.T) { c.run(t, newFronts(t, memory), front.check) })
			})
		}
	}
}

// Every known retcode has its result over every front.
func TestRetcodes(t *testing.T) {
	f := newFronts(t, sockets)
	retcodes := conformance.Retcodes()
	for _, c := range retcodes {
		for _, front := range contractFronts {
			t.Run(c.Name+"/"+front.name, func(t *testing.T) { contractCase{c}.run(t, f, front.check) })
		}
	}
	if len(retcodes) < 197 {
		t.Errorf("got %d retcodes, want at least 197", len(retcodes))
	}
}

// run plays the case over one front and checks everything that the case defines.
func (c contractCase) run(t *testing.T, f *fronts, check func(contractCase, *testing.T, *fronts)) {
	if c.Gateway != nil {
		f.gateway.Play(*c.Gateway)
	}
	check(c, t, f)
	c.checkGateway(t, f)
	if c.CancelAfter != "" {
		c.checkLog(t, f)
	}
	c.checkSecrets(t, "the log", f.log.String())
}

func (c contractCase) checkGRPC(t *testing.T, f *fronts) {
	ctx, cancel := c.context(t)
	defer cancel()
	var header, trailer metadata.MD
	resp, err := c.invoke(ctx, t, f, grpc.Header(&header), grpc.Trailer(&trailer))
	c.checkIssuedMetadata(t, header, trailer, err)
	if c.CancelAfter != "" {
		if status.Code(err) != codes.Canceled {
			t.Errorf("got %v, want %v", err, codes.Canceled)
		}
		return
	}
	if err != nil {
		c.checkStatus(t, status.Convert(err).Proto(), func(field string) string { return field })
		return
	}
	if c.Want.Code != "OK" {
		t.Fatalf("got OK with %v, want %s", resp, c.Want.Code)
	}
	got, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	checkReply(t, got, c.Want.Reply)
}

// invoke makes the call over gRPC.
func (c contractCase) invoke(
	ctx context.Context, t *testing.T, f *fronts, options ...grpc.CallOption,
) (proto.Message, error) {
	t.Helper()
	name := protoreflect.FullName("agentconf.v1." + c.RPC)
	req, resp := newMessage(t, name+"Request"), newMessage(t, name+"Response")
	if c.HasBody() {
		if err := protojson.Unmarshal(c.Body, req); err != nil {
			t.Fatal(err)
		}
	}
	agentID := req.ProtoReflect().Descriptor().Fields().ByName("agent_id")
	req.ProtoReflect().Set(agentID, protoreflect.ValueOfString(c.AgentID))
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
	return resp, f.conn.Invoke(ctx, "/"+string(c.Service().FullName())+"/"+c.RPC, req, resp, options...)
}

func newMessage(t *testing.T, name protoreflect.FullName) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

// request returns the call as an HTTP request.
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

// context returns a context that ends when the caller of c cancels the call.
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

// checkHTTP makes the call with a request line. If the case wants OK, checkHTTP compares the
// reply and returns nil. Otherwise it compares the HTTP status with the one wanted of errors
// and returns the body.
func (c contractCase) checkHTTP(
	t *testing.T, f *fronts, requestLine string, wantReply []byte, wantStatus int,
) (errorBody []byte) {
	method, path, _ := strings.Cut(requestLine, " ")
	req := c.request(t, method, path)
	if c.CancelAfter != "" {
		if resp, err := f.http.Do(req); err == nil {
			t.Errorf("got HTTP status %d, want an error after the caller cancelled", resp.StatusCode)
		}
		return nil
	}
	httpStatus, header, body := f.do(t, req)
	checkHeader(t, path, header)
	c.checkIssuedGUID(t, header)
	if c.Want.Code == "OK" {
		if httpStatus != http.StatusOK {
			t.Errorf("HTTP status %d, want 200", httpStatus)
		}
		checkReply(t, body, wantReply)
		return nil
	}
	if httpStatus != wantStatus {
		t.Errorf("HTTP status %d, want %d", httpStatus, wantStatus)
	}
	c.checkErrorHeader(t, header)
	return body
}

func (c contractCase) checkREST(t *testing.T, f *fronts) {
	body := c.checkHTTP(t, f, c.V1(), c.Want.Reply, c.Want.V1Status)
	if body == nil {
		return
	}
	got := &spb.Status{}
	if err := protojson.Unmarshal(body, got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	c.checkStatus(t, got, conformance.CamelCase)
}

func (c contractCase) checkDialect(t *testing.T, f *fronts) {
	reply := c.Want.GatewayReply
	if reply == nil {
		reply = c.Want.Reply
	}
	body := c.checkHTTP(t, f, c.RequestLine(), reply, c.Want.GatewayStatus)
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
		t.Fatalf("got %s (%v), want an envelope whose result is empty, and absent only with a retcode", body, err)
	}
	if got.Retcode != c.Want.GatewayRetcode {
		t.Errorf("retcode %s, want %s", got.Retcode, c.Want.GatewayRetcode)
	}
	if c.Want.GatewayMessage != nil && got.Message != *c.Want.GatewayMessage {
		t.Errorf("message %q, want %q", got.Message, *c.Want.GatewayMessage)
	}
	for _, field := range c.Want.Violations {
		if !strings.Contains(got.Message, conformance.CamelCase(field)) {
			t.Errorf("message %q, want it to name %s", got.Message, conformance.CamelCase(field))
		}
	}
	c.checkSecrets(t, "the message", got.Message)
}
