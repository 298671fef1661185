package jsonfront

import (
	"net/http"
	"strings"
	"testing"
)

// On REST a body that is declared as something else than plain JSON is HTTP 415, also of an
// operation without a body.
func TestMediaOnREST(t *testing.T) {
	f := newTestFront(stubService{})
	const wrongType = "Content-Type: must be application/json"
	const wrongCoding = "Content-Encoding: must be left out: a body is read only as it is"
	for _, c := range []struct{ header, value, want string }{
		{"Content-Type", "application/json", ""},
		{"Content-Type", "Application/JSON ; charset=UTF-8", ""},
		{"Content-Type", "text/plain", wrongType},
		{"Content-Type", "text/plain;x=application/json", wrongType},
		{"Content-Type", "application/x-www-form-urlencoded", wrongType},
		{"Content-Type", "application/jsonp", wrongType},
		{"Content-Type", "", wrongType},
		{"Content-Encoding", "identity", ""},
		{"Content-Encoding", "", ""},
		{"Content-Encoding", "gzip", wrongCoding},
		{"Content-Encoding", "UTF-8", wrongCoding},
	} {
		for _, path := range []string{holdREST, "/v1/agents/1287/conference:answerAgentConf"} {
			w := f.send("POST", path, holdBody, func(r *http.Request) { r.Header.Set(c.header, c.value) })
			if c.want == "" {
				f.takeCall(t)
				continue
			}
			violations := strings.Join(violationsOf(t, w.Body.Bytes()), ", ")
			if w.Code != http.StatusUnsupportedMediaType || reasonOf(t, w.Body.Bytes()) != "UNSUPPORTED_MEDIA_TYPE" || violations != c.want {
				t.Errorf("%s: %q: HTTP status %d, %s", c.header, c.value, w.Code, w.Body)
			}
			f.checkNoCall(t)
		}
	}
	w := f.send("POST", holdREST, holdBody, func(r *http.Request) { r.Header["Content-Type"] = []string{"application/json", "text/plain"} })
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("two types: HTTP status %d", w.Code)
	}
	f.send("POST", "/v1/agents/1287/conference:answerAgentConf", "", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	f.takeCall(t) // has no body
}

// The gateway dialect reads bodies of any type. Only an encoded body cannot be read; a charset
// as Content-Encoding changes nothing.
func TestMediaInGatewayDialect(t *testing.T) {
	f := newTestFront(stubService{})
	with := func(header, value string) recorder {
		return f.sendHold(holdGateway, func(r *http.Request) { r.Header.Set(header, value) })
	}
	with("Content-Type", "text/plain")
	f.takeCall(t)
	with("Content-Encoding", "utf-8")
	f.takeCall(t)
	if n := f.tolerationsOf(t, "content_encoding"); n != 1 {
		t.Errorf("%d of kind content_encoding", n)
	}
	w := with("Content-Encoding", "gzip")
	if w.Code != http.StatusOK || retcodeIn(t, w.Body.Bytes()) != "000-002" || w.Header().Get("Agentconf-Reason") != "UNSUPPORTED_MEDIA_TYPE" {
		t.Errorf("HTTP status %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	f.checkNoCall(t)
	f.send("POST", "/agentgateway/resource/agentconf/1287/answeragentconf", "x", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	f.takeCall(t) // its body is not read
}
