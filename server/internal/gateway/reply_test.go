package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"agentconf/server/internal/gateway/http1"
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
		{"\ufeff" + successBody, Reply{Message: "success", Retcode: "0", Result: json.RawMessage("{}")}},
		{"\ufeff\ufeff" + successBody, Reply{}},
		{"", Reply{}},
		{"null", Reply{}},
	}
	for _, test := range tests {
		got, err := decodeReply(http1.Response{Body: []byte(test.body)})
		if (err != nil) != (test.want.Retcode == "") || got.Retcode != test.want.Retcode ||
			got.Message != test.want.Message || string(got.Result) != string(test.want.Result) ||
			string(got.Event) != string(test.want.Event) {
			t.Errorf("%s: %+v, %v, want %+v", test.body, got, err, test.want)
		}
	}
}

// An issued GUID is the part behind the name and before the attributes. A reply with a GUID
// that is unusable says so.
func TestIssuedGUID(t *testing.T) {
	const unusable = "unusable"
	longest := strings.Repeat("a", 256)
	for header, want := range map[string]string{
		"JSESSIONID=279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0": "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway0",
		"jsessionid=g":                   "g",
		"g.AgentGateway0":                "g.AgentGateway0",
		"JSESSIONID=g; Path=/; HttpOnly": "g",
		"JSESSIONID=g ;Path=/":           "g",
		"JSESSIONID=0011223344556677889900aabbccddeeff0011223344556677.AgentGateway0": "0011223344556677889900aabbccddeeff0011223344556677.AgentGateway0",
		"JSESSIONID=AbC/+9==.AgentGateway0":                                           "AbC/+9==.AgentGateway0",
		"JSESSIONID=AbC/+9==":                                                         "AbC/+9==",
		"JSESSIONID=" + longest:                                                       longest,
		"":                                                                            "",
		"JSESSIONID=":                                                                 unusable,
		"JSESSIONID=; Path=/":                                                         unusable,
		"JSESSIONID=JSESSIONID=g":                                                     unusable,
		"no equal sign":                                                               unusable,
		"JSESSIONID=a b":                                                              unusable,
		"JSESSIONID=\"g\"":                                                            unusable,
		"JSESSIONID=g, JSESSIONID=h":                                                  unusable,
		"JSESSIONID=g\xe9":                                                            unusable,
		"JSESSIONID=" + longest + "a":                                                 unusable,
	} {
		l := listen(t)
		newServer(t, l, replying(fmt.Sprintf("HTTP/1.1 200 OK\r\nSet-GUID: %s\r\nContent-Length: %d\r\n\r\n%s", header, len(successBody), successBody)))
		reply, err := newClient(t, Options{URL: "http://" + l.Addr().String()}).Send(t.Context(), hold).Reply()
		got := reply.GUID
		if reply.GUIDFault != nil && got == "" {
			got = unusable
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", header, got, err, want)
		}
	}
}

// A reply in the charset that its header names is decoded, an event of it too.
func TestReplyCharset(t *testing.T) {
	const hanzi = "\xb3\xc9\xb9\xa6" // 成功
	for _, test := range []struct{ charset, message, want string }{
		{"gbk", hanzi, "成功"}, {"gb2312", hanzi, "成功"}, {"gb18030", hanzi, "成功"},
		{"gb18030", "\x81\x36\xa8\x32", "‾"}, // four bytes, of which two are digits
		{"gbk", "\x81\\", "乗"},               // a byte is a backslash
		{"", "成功", "成功"}, {"iso-8859-1", "成功", "成功"},
		{"", hanzi, ""}, {"gbk", "\xff", ""}, {"gbk", "成", ""},
	} {
		body := `{"retcode":"0","message":"` + test.message + `","event":"` + test.message + `"}`
		reply, err := decodeReply(http1.Response{Charset: test.charset, Body: []byte(body)})
		if reply.Message != test.want || test.want != "" && string(reply.Event) != `"`+test.want+`"` || (err == nil) != (test.want != "") {
			t.Errorf("%s %q: %+v, %v", test.charset, test.message, reply, err)
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
		body = bytes.TrimPrefix(body, byteOrderMark)
		reply, err := decodeReply(http1.Response{Body: body})
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
