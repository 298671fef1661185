package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"agentconf/conformance"
)

// newSpec returns the test of c as a client gets it. It panics if cases.json is invalid.
func newSpec(c conformance.Case, front string) object {
	if c.Steps != nil {
		return scenarioSpec(c, front)
	}
	spec := callSpec(c, front)
	spec["name"] = c.Name
	return spec
}

// callSpec returns one call and the expected result in "want".
func callSpec(c conformance.Case, front string) object {
	spec := object{"rpc": string(c.Service().FullName()) + "/" + c.RPC}
	if c.RawBody == nil {
		spec["request"] = request(c)
	}
	if c.CancelAfter != "" {
		spec["cancel_after"] = seconds(c.CancelAfter)
	}
	if front == frontGRPC {
		addGRPC(spec, c)
	} else {
		addHTTP(spec, c, front)
	}
	return spec
}

func addGRPC(spec object, c conformance.Case) {
	if c.Timeout != "" {
		spec["timeout"] = seconds(c.Timeout + "s") // 1000m becomes 1000ms
	}
	spec["metadata"] = headers(c, "guid")
	spec["want"] = wantGRPC(c)
}

func addHTTP(spec object, c conformance.Case, front string) {
	line := c.V1()
	if front == frontDialect {
		line = c.RequestLine()
	}
	spec["method"], spec["path"], _ = strings.Cut(line, " ")
	fields := append(headers(c, c.GUIDHeader), []string{"Content-Type", "application/json; charset=UTF-8"})
	if c.Timeout != "" {
		fields = append(fields, []string{"Grpc-Timeout", c.Timeout})
	}
	spec["headers"] = fields
	if body := c.HTTPBody(front == frontDialect); body != "" || c.RawBody != nil {
		spec["body"] = body
	}
	spec["want"] = wantHTTP(c, front)
}

// request returns the arguments of c as protobuf writes them in JSON, where 64-bit numbers are
// strings. The arguments of a case for JSON alone need not be valid.
func request(c conformance.Case) object {
	arguments := object{}
	if c.HasBody() {
		arguments = decode(c.Body).(object)
	}
	arguments["agentId"] = c.AgentID
	if !c.Over(frontGRPC) {
		return arguments
	}
	text, err := json.Marshal(arguments)
	must(err)
	message := dynamicpb.NewMessage(c.Service().Methods().ByName(protoreflect.Name(c.RPC)).Input())
	must(protojson.Unmarshal(text, message))
	text, err = protojson.Marshal(message)
	must(err)
	return decode(text).(object)
}

func headers(c conformance.Case, guidName string) [][]string {
	all := [][]string{}
	for _, value := range c.GUID {
		all = append(all, []string{guidName, value})
	}
	if c.ServiceToken != "" {
		all = append(all, []string{"service_token", c.ServiceToken})
	}
	return all
}

func wantGRPC(c conformance.Case) object {
	switch {
	case c.Timeout != "" || c.CancelAfter != "": // the status is the client's own or agentconf's
		return object{"code": codeNumber(c.Want.Code)}
	case c.Want.Code != "OK":
		return wantError(c, func(field string) string { return field })
	}
	want := object{"code": 0}
	addReply(want, c, c.Want.Reply)
	return want
}

func wantHTTP(c conformance.Case, front string) object {
	if c.CancelAfter != "" {
		return object{}
	}
	want := object{"status": 200}
	switch {
	case c.Want.Code == "OK":
		reply := c.Want.Reply
		if front == frontDialect && c.Want.GatewayReply != nil {
			reply = c.Want.GatewayReply
		}
		addReply(want, c, reply)
	case front == frontREST:
		want = wantError(c, conformance.CamelCase)
		want["status"] = c.Want.V1Status
	default:
		want["status"] = c.Want.GatewayStatus
		addEnvelope(want, c)
	}
	want["headers"] = wantHeaders(c, front, want["status"].(int))
	return want
}

// addReply adds the expected reply or, in a scenario, a part of it.
func addReply(want object, c conformance.Case, reply json.RawMessage) {
	if c.Want.Has != nil {
		want["has"] = decode(c.Want.Has)
		return
	}
	want["reply"] = decode(reply)
}

// addEnvelope adds the error as an envelope of the gateway.
func addEnvelope(want object, c conformance.Case) {
	envelope := object{"retcode": c.Want.GatewayRetcode}
	if c.Want.Retcode == "" || hasResult(c.Gateway) {
		envelope["result"] = object{}
	}
	if c.Want.GatewayMessage != nil {
		envelope["message"] = *c.Want.GatewayMessage
		want["reply"] = envelope
		return
	}
	want["has"], want["message_names"] = envelope, fieldNames(c, conformance.CamelCase)
}

// hasResult reports whether the gateway's refusal has a result, which agentconf passes on.
func hasResult(gateway *conformance.Script) bool {
	if gateway == nil || gateway.Reply == nil {
		return false
	}
	reply, isObject := decode([]byte(*gateway.Reply)).(object)
	return isObject && reply["result"] != nil
}

// wantHeaders returns the expected headers. A header that must be absent is nil.
func wantHeaders(c conformance.Case, front string, status int) object {
	h := object{
		"Content-Type": "application/json", "Retry-After": nil, "Set-GUID": nil, "WWW-Authenticate": nil,
		"Agentconf-Outcome": nil, "Agentconf-Reason": nil,
	}
	if front == frontDialect {
		h["Content-Type"] = "application/json;charset=UTF-8"
	}
	if retryAfter := c.Want.RetryAfter(); retryAfter != "" {
		h["Retry-After"] = retryAfter
	}
	if c.Want.Code != "OK" {
		h["Agentconf-Outcome"], h["Agentconf-Reason"] = c.Want.Outcome, c.Want.Reason
	}
	if c.Gateway != nil && c.Gateway.SetGUID != "" {
		h["Set-GUID"] = "JSESSIONID=" + c.Gateway.SetGUID
	}
	if status == 401 {
		h["WWW-Authenticate"] = "Guid"
	}
	return h
}

// wantError returns the expected google.rpc.Status. fieldName converts a proto name to the front's.
func wantError(c conformance.Case, fieldName func(string) string) object {
	metadata := object{"operation": c.Operation(), "outcome": c.Want.Outcome}
	if c.Want.Retcode != "" {
		metadata["retcode"] = c.Want.Retcode
	}
	want := object{
		"code":        codeNumber(c.Want.Code),
		"error_info":  object{"reason": c.Want.Reason, "domain": "agentconf", "metadata": metadata},
		"violations":  fieldNames(c, fieldName),
		"retry_delay": nil,
	}
	if c.Want.Retry != "" {
		want["retry_delay"] = seconds(c.Want.Retry)
	}
	return want
}

func fieldNames(c conformance.Case, fieldName func(string) string) []string {
	names := []string{}
	for _, field := range c.Want.Violations {
		names = append(names, fieldName(field))
	}
	return names
}

// codeNumber returns the number of the gRPC code with this name.
func codeNumber(name string) int {
	var code codes.Code
	must(code.UnmarshalJSON([]byte(`"` + name + `"`)))
	return int(code)
}

func seconds(duration string) float64 {
	d, err := time.ParseDuration(duration)
	must(err)
	return d.Seconds()
}

// decode decodes JSON and keeps numbers as they are written.
func decode(text json.RawMessage) (value any) {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	must(dec.Decode(&value))
	return value
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("cases.json: %v", err))
	}
}
