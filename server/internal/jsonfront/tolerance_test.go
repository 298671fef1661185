package jsonfront

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const (
	loginPath  = "/agentgateway/resource/onlineagent/1287"
	invitePath = "/agentgateway/resource/agentconf/1287/batchaddparticipant"
)

// The gateway dialect accepts what clients of the gateway send, as the gateway does, and
// counts each deviation. REST rejects the same bodies.
func TestTolerance(t *testing.T) {
	login := func(change func(*agentconfv1.LoginRequest)) proto.Message {
		req := &agentconfv1.LoginRequest{AgentId: "1287", Phonenum: "40038"}
		change(req)
		return req
	}
	for _, c := range []struct {
		kind, method, path, body string
		want                     proto.Message
	}{
		{"unknown_field", "PUT", loginPath, `{"phonenum":"40038","agentid":1287,"nobody":{"a":[1]}}`,
			login(func(*agentconfv1.LoginRequest) {})},
		{"agent_id_in_body", "PUT", loginPath, `{"phonenum":"40038","agentId":"1288"}`,
			login(func(*agentconfv1.LoginRequest) {})},
		{"number_for_text", "PUT", loginPath, `{"phonenum":40038}`,
			login(func(*agentconfv1.LoginRequest) {})},
		{"text_for_number", "PUT", loginPath, `{"phonenum":"40038","agenttype":"4"}`,
			login(func(r *agentconfv1.LoginRequest) { r.Agenttype = proto.Int32(4) })},
		{"left_out", "PUT", loginPath, `{"phonenum":"40038","agenttype":"","phonelinkage":"null"}`,
			login(func(*agentconfv1.LoginRequest) {})},
		{"byte_order_mark", "PUT", loginPath, "\xef\xbb\xbf" + `{"phonenum":"40038"}`,
			login(func(*agentconfv1.LoginRequest) {})},
		{"extra_slash", "PUT", "/agentgateway/resource//onlineagent/1287/", `{"phonenum":"40038"}`,
			login(func(*agentconfv1.LoginRequest) {})},
		{"number_for_text", "POST", invitePath, `{"addresses":[{"addressType":9,"address":2002}],"caller":10000}`,
			&agentconfv1.BatchAddParticipantRequest{AgentId: "1287", Caller: "10000",
				Addresses: []*agentconfv1.Invitation{{AddressType: "9", Address: "2002"}}}},
		{"unknown_field", "POST", invitePath, `{"addresses":[{"addressType":"9","address":"2002","name":"x"}]}`,
			&agentconfv1.BatchAddParticipantRequest{AgentId: "1287",
				Addresses: []*agentconfv1.Invitation{{AddressType: "9", Address: "2002"}}}},
		{"other_flag", "POST", skillPath + "no?skillid=1;2", "", &agentconfv1.ResetSkillRequest{AgentId: "1287", Skillid: "1;2"}},
		{"left_out", "POST", skillPath + "true?phonelinkage=null&skillid=null", "", &agentconfv1.ResetSkillRequest{AgentId: "1287", Autoflag: true}},
		{"left_out", "POST", skillPath + "true?phonelinkage=", "", &agentconfv1.ResetSkillRequest{AgentId: "1287", Autoflag: true}},
	} {
		f := newTestFront(stubService{})
		w := f.send(c.method, c.path, c.body, nil)
		if got := f.takeCall(t).request; w.Code != http.StatusOK || !proto.Equal(got, c.want) {
			t.Errorf("%s %s: HTTP status %d, call %v, want %v", c.path, c.body, w.Code, got, c.want)
		}
		if got := f.tolerationsOf(t, c.kind); got == 0 {
			t.Errorf("%s %s: not counted as %s", c.path, c.body, c.kind)
		}
		if !strings.Contains(f.log.String(), `"msg":"tolerated","kind":"`+c.kind+`","field":"`) {
			t.Errorf("%s %s: logged %s", c.path, c.body, f.log)
		}
	}
}

// tolerationsOf returns the value of the counter for a kind.
func (f *testFront) tolerationsOf(t *testing.T, kind string) int {
	t.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "agentconf_dialect_tolerated_total" && metric.GetLabel()[0].GetValue() == kind {
				return int(metric.GetCounter().GetValue())
			}
		}
	}
	t.Fatalf("no counter of %s", kind)
	return 0
}

// REST stays strict: it rejects each body that the dialect tolerates.
func TestRESTToleratesNothing(t *testing.T) {
	f := newTestFront(stubService{})
	const login = "/v1/agents/1287/session:login"
	for body, want := range map[string]string{
		`{"agentid":1287}`:                      "agentid: is not a field of this request",
		`{"agentId":"1287"}`:                    "agentId: must be in the path, not in the body",
		`{"phonenum":40038}`:                    "phonenum: must be a string",
		`{"agenttype":""}`:                      "agenttype: must be a whole number",
		`{"phonelinkage":"null"}`:               "phonelinkage: must be true or false",
		"\xef\xbb\xbf" + `{"phonenum":"40038"}`: "body: is not valid JSON from byte 1 on",
	} {
		f.checkRejected(t, f.send("POST", login, body, nil), want)
	}
	w := f.send("POST", "/v1/agents/1287/session:resetSkill", `{"autoflag":"no"}`, nil)
	f.checkRejected(t, w, "autoflag: must be true or false")
}

// Only whole numbers stand for their text, and only in place of a string.
func TestDialectRejectsOtherTypes(t *testing.T) {
	f := newTestFront(stubService{})
	for body, want := range map[string]string{
		`{"phonenum":4.5}`:            "phonenum must be a string",
		`{"phonenum":4e3}`:            "phonenum must be a string",
		`{"phonenum":true}`:           "phonenum must be a string",
		`{"phonenum":{}}`:             "phonenum must be a string",
		`{"agenttype":"four"}`:        "agenttype must be a whole number",
		`{"autoanswer":1}`:            "autoanswer must be true or false",
		`{"phonenum":1,"phonenum":2}`: "phonenum occurs twice",
	} {
		w := f.send("PUT", loginPath, body, nil)
		if got := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(got, "wrong: "+want+".") {
			t.Errorf("%s: HTTP status %d, %s, want %s", body, w.Code, got, want)
		}
	}
	f.checkNoCall(t)
}

// A request without deviations counts none and has no record of any.
func TestNothingToTolerate(t *testing.T) {
	f := newTestFront(stubService{})
	f.sendHold(holdGateway, nil)
	f.send("POST", skillPath+"false?skillid=1;2&phonelinkage=1", "", nil)
	if strings.Contains(f.log.String(), "tolerated") {
		t.Errorf("logged %s", f.log)
	}
	for _, kind := range tolerationNames {
		if n := f.tolerationsOf(t, kind); n != 0 {
			t.Errorf("%d of kind %s", n, kind)
		}
	}
}

// The log has the names of known fields and of identifiers only, each of at most 40 bytes,
// and at most 16 records of a request.
func TestTolerationRecords(t *testing.T) {
	f := newTestFront(stubService{})
	body := `{"70265318495":1,"` + strings.Repeat("x", 41) + `":2,"nobody":3` + strings.Repeat(`,"more":4`, 1000) + "}"
	f.send("PUT", loginPath, body, nil)
	log := f.log.String()
	if strings.Contains(log, "70265318495") || strings.Contains(log, strings.Repeat("x", 41)) || !strings.Contains(log, `"field":"nobody"`) {
		t.Errorf("logged %s", log)
	}
	if n := strings.Count(log, `"msg":"tolerated"`); n != maxTolerationRecords {
		t.Errorf("%d records, want %d", n, maxTolerationRecords)
	}
	if n := f.tolerationsOf(t, "unknown_field"); n != 1003 {
		t.Errorf("%d counted, want 1003", n)
	}
}
