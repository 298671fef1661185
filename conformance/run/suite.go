package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"agentconf/conformance"
)

// The fronts of agentconf.
const (
	overGRPC    = "grpc"
	overV1      = "v1"
	overDialect = "gateway" // the CC-Gateway's own
)

// test is a case as it is played over one front: as the file of cases has it, and as
// a client is told it, with nothing left out.
type test struct {
	conformance.Case
	told object
}

// object is a JSON object that is written for a client.
type object = map[string]any

// suite has the tests of each front, scenarios last.
type suite map[string][]test

func newSuite() (suite, error) {
	cases, err := conformance.Cases()
	if err != nil {
		return nil, err
	}
	scenarios, err := conformance.Scenarios()
	if err != nil {
		return nil, err
	}
	s := suite{}
	for i, c := range append(cases, conformance.Retcodes()...) {
		if c.Gateway != nil && c.AgentID == "1287" {
			c.AgentID = strconv.Itoa(firstAgent + i)
		}
		if c.Gateway != nil && c.Gateway.Fault == "refuse" {
			c.GUID = []string{downGUID}
		}
		if c.RPC == "GetAgentEvent" && c.Gateway != nil && c.Gateway.Fault == "stall" {
			c.Timeout = "1000m" // a poll waits 10 s longer than a call, and so would every client
		}
		for _, front := range []string{overGRPC, overV1, overDialect} {
			if c.Only == "" || (c.Only == "grpc") == (front == overGRPC) {
				s[front] = append(s[front], test{c, toldCall(c, front)})
			}
		}
	}
	for _, c := range scenarios { // the dialect has no watch
		s[overGRPC] = append(s[overGRPC], test{c, toldScenario(c, overGRPC)})
		s[overV1] = append(s[overV1], test{c, toldScenario(c, overV1)})
	}
	return s, nil
}

// By its agent the gateway knows which case a request belongs to, so that nobody
// has to tell it what is played.
const firstAgent = 20000

// downGUID ends in the name of a node that nobody listens for.
const downGUID = "279fe21d-2caa-4437-84c3-ab9e9dae20f5.Down"

// toldCall is c as a client is told it. What is in "want" is to be compared, and
// nothing else.
func toldCall(c conformance.Case, front string) object {
	told := object{"name": c.Name, "rpc": string(c.Service().FullName()) + "/" + c.RPC}
	if c.RawBody == nil {
		told["request"] = request(c)
	}
	if c.CancelAfter != "" {
		told["cancel_after"] = seconds(c.CancelAfter)
	}
	if front == overGRPC {
		if c.Timeout != "" {
			told["timeout"] = seconds(c.Timeout + "s") // 1000m is 1000ms
		}
		told["metadata"] = headers(c, "guid")
		told["want"] = wantGRPC(c)
		return told
	}
	line, body := c.V1(), c.HTTPBody(front == overDialect)
	if front == overDialect {
		line = c.RequestLine()
	}
	told["method"], told["path"], _ = strings.Cut(line, " ")
	told["headers"] = append(headers(c, c.GUIDHeader), []string{"Content-Type", "application/json; charset=UTF-8"})
	if c.Timeout != "" {
		told["headers"] = append(told["headers"].([][]string), []string{"Grpc-Timeout", c.Timeout})
	}
	if body != "" || c.RawBody != nil {
		told["body"] = body
	}
	told["want"] = wantHTTP(c, front)
	return told
}

// request is the arguments of c as protobuf writes them in JSON, where numbers of 64
// bits are text. Those of a case for JSON alone are written otherwise on purpose.
func request(c conformance.Case) object {
	arguments := object{}
	if c.HasBody() {
		arguments = decoded(c.Body).(object)
	}
	arguments["agentId"] = c.AgentID
	if c.Only == "json" {
		return arguments
	}
	text, err := json.Marshal(arguments)
	must(err)
	message := dynamicpb.NewMessage(c.Service().Methods().ByName(protoreflect.Name(c.RPC)).Input())
	must(protojson.Unmarshal(text, message))
	text, err = protojson.Marshal(message)
	must(err)
	return decoded(text).(object)
}

func headers(c conformance.Case, guid string) [][]string {
	all := [][]string{}
	for _, value := range c.GUID {
		all = append(all, []string{guid, value})
	}
	if c.ServiceToken != "" {
		all = append(all, []string{"service_token", c.ServiceToken})
	}
	return all
}

func wantGRPC(c conformance.Case) object {
	if c.Timeout != "" || c.CancelAfter != "" { // the client's own status, or agentconf's
		return object{"code": number(c.Want.Code)}
	}
	if c.Want.Code != "OK" {
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
	want := object{}
	switch {
	case c.Want.Code == "OK":
		reply := c.Want.Reply
		if front == overDialect && c.Want.GatewayReply != nil {
			reply = c.Want.GatewayReply
		}
		want["status"] = 200
		addReply(want, c, reply)
	case front == overV1:
		want = wantError(c, conformance.CamelCase)
		want["status"] = c.Want.V1Status
	default:
		want["status"] = c.Want.GatewayStatus
		addEnvelope(want, c)
	}
	want["headers"] = wantHeaders(c, front, want["status"].(int))
	return want
}

// addReply adds what the reply is or, in a scenario, what it has.
func addReply(want object, c conformance.Case, reply json.RawMessage) {
	if c.Want.Has != nil {
		want["has"] = decoded(c.Want.Has)
		return
	}
	want["reply"] = decoded(reply)
}

// addEnvelope adds the error as the CC-Gateway would say it.
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
	names := []string{}
	for _, field := range c.Want.Violations {
		names = append(names, conformance.CamelCase(field))
	}
	want["has"], want["message_names"] = envelope, names
}

// hasResult tells whether the CC-Gateway refuses with a result, which is passed on.
func hasResult(gateway *conformance.Script) bool {
	if gateway == nil || gateway.Reply == nil {
		return false
	}
	reply, isObject := decoded([]byte(*gateway.Reply)).(object)
	return isObject && reply["result"] != nil
}

// wantHeaders has null for headers that must not be there.
func wantHeaders(c conformance.Case, front string, status int) object {
	h := object{"Content-Type": "application/json", "Retry-After": nil, "Set-GUID": nil, "WWW-Authenticate": nil}
	if front == overDialect {
		h["Content-Type"] = "application/json;charset=UTF-8"
	}
	if c.Want.Retry != "" {
		h["Retry-After"] = strings.TrimSuffix(c.Want.Retry, "s")
	}
	if c.Gateway != nil && c.Gateway.SetGUID != "" {
		h["Set-GUID"] = "JSESSIONID=" + c.Gateway.SetGUID
	}
	if status == 401 {
		h["WWW-Authenticate"] = "Guid"
	}
	return h
}

// wantError is google.rpc.Status; named gives a field the name it has on the front.
func wantError(c conformance.Case, named func(string) string) object {
	metadata := object{"operation": c.Operation(), "outcome": c.Want.Outcome}
	if c.Want.Retcode != "" {
		metadata["retcode"] = c.Want.Retcode
	}
	violations := []string{}
	for _, field := range c.Want.Violations {
		violations = append(violations, named(field))
	}
	want := object{
		"code":        number(c.Want.Code),
		"error_info":  object{"reason": c.Want.Reason, "domain": "agentconf", "metadata": metadata},
		"violations":  violations,
		"retry_delay": nil,
	}
	if c.Want.Retry != "" {
		want["retry_delay"] = seconds(c.Want.Retry)
	}
	return want
}

// number is the number of a code.
func number(name string) int {
	var code codes.Code
	must(code.UnmarshalJSON([]byte(`"` + name + `"`)))
	return int(code)
}

func seconds(duration string) float64 {
	d, err := time.ParseDuration(duration)
	must(err)
	return d.Seconds()
}

// decoded is JSON with its numbers as they are written.
func decoded(text json.RawMessage) (value any) {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	must(dec.Decode(&value))
	return value
}

// must ends the run over a case that cannot be meant.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("cases.json: %v", err))
	}
}
