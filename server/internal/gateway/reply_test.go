package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeReply(t *testing.T) {
	tests := []struct {
		body string
		want Reply // without a retcode: an error
	}{
		{successBody, Reply{Message: "success", Retcode: "0", Result: json.RawMessage("{}")}},
		{`{"message":"","retcode":"0","event":null}`, Reply{Retcode: "0", Event: json.RawMessage("null")}},
		{`{"message":"","retcode":"0","event":{"a":1}}`, Reply{Retcode: "0", Event: json.RawMessage(`{"a":1}`)}},
		{`{"retcode":"0","event":1,"event":2}`, Reply{}},
		{` {"retcode" : 0 } `, Reply{Retcode: "0"}},
		{`{"retcode":"101-002","message":null,"result":null}`, Reply{Retcode: "101-002", Result: json.RawMessage("null")}},
		{`{"retcode":-1,"extra":{"retcode":"0"}}`, Reply{Retcode: "-1"}},
		{`{"retcode":"0"}`, Reply{Retcode: "0"}},
		{`{"retcode":"0","message":"a"}x`, Reply{}},
		{`{"retcode":"0","retcode":"0"}`, Reply{}},
		{`{"retcode":"0","message":"a","message":"b"}`, Reply{}},
		{`{"Retcode":"0"}`, Reply{}},
		{`{"retcode":{"0":0}}`, Reply{}},
		{`{"retcode":"0"`, Reply{}},
		{`{"retcode":"0",}`, Reply{}},
		{"{\"retcode\":\"0\",\"message\":\"\xff\"}", Reply{}},
		{"\ufeff" + successBody, Reply{}},
		{"", Reply{}},
		{"null", Reply{}},
	}
	for _, test := range tests {
		got, err := decodeReply([]byte(test.body))
		if (err != nil) != (test.want.Retcode == "") || got.Retcode != test.want.Retcode ||
			got.Message != test.want.Message || string(got.Result) != string(test.want.Result) ||
			string(got.Event) != string(test.want.Event) {
			t.Errorf("%s: %+v, %v, want %+v", test.body, got, err, test.want)
		}
	}
}

// An issued GUID is the part behind the =, if a request can carry it.
func TestIssuedGUID(t *testing.T) {
	for header, want := range map[string]string{
		"JSESSIONID=279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0": "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0",
		"JSESSIONID=":                            "",
		"no equal sign":                          "",
		"JSESSIONID=a b":                         "",
		"JSESSIONID=" + strings.Repeat("a", 257): "",
	} {
		l := listen(t)
		newServer(t, l, replying(fmt.Sprintf("HTTP/1.1 200 OK\r\nSet-GUID: %s\r\nContent-Length: %d\r\n\r\n%s", header, len(successBody), successBody)))
		reply, err := newClient(t, Options{URL: "http://" + l.Addr().String()}).Call(t.Context(), hold)
		if err != nil || reply.GUID != want {
			t.Errorf("%s: %q, %v", header, reply.GUID, err)
		}
	}
}

// FuzzDecodeReply compares accepted replies with the result of encoding/json.
func FuzzDecodeReply(f *testing.F) {
	for _, seed := range []string{successBody, `{"retcode":0}`, `{"retcode":"0","retcode":"1"}`, `{"retcode":"0"}{}`, `{"RETCODE":"0"}`, `[]`, "\xff",
		`{"r\u0065tcode":"0","message":"\u00e9\"}","result":{"a":["}",{}]},"event":[1,"]"]}`, ` {"a" : null , "retcode" : -1e2 , "event" : true } `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		reply, err := decodeReply(body)
		if err != nil {
			if strings.Contains(err.Error(), string(body)) && len(body) > 20 {
				t.Errorf("the error repeats the body: %v", err)
			}
			return
		}
		var plain map[string]any
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(body, &plain); err != nil || !utf8.Valid(body) {
			t.Fatalf("accepted, but %v", err)
		}
		if err := json.Unmarshal(body, &raw); err != nil || !bytes.Equal(raw["result"], reply.Result) || !bytes.Equal(raw["event"], reply.Event) {
			t.Errorf("result %s and event %s, want %s and %s (%v)", reply.Result, reply.Event, raw["result"], raw["event"], err)
		}
		if message, _ := plain["message"].(string); message != reply.Message {
			t.Errorf("message %q, want %q", reply.Message, message)
		}
		switch r := plain["retcode"].(type) {
		case string:
			if r != reply.Retcode {
				t.Errorf("retcode %q, want %q", reply.Retcode, r)
			}
		case float64:
			if reply.Retcode == Success && r != 0 {
				t.Errorf("success read from %v", r)
			}
		default:
			t.Errorf("retcode %q read from %v", reply.Retcode, r)
		}
	})
}
