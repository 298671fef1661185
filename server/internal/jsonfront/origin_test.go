package jsonfront

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// sendAs sends what a browser sends for a page of origin. site is the value of
// Sec-Fetch-Site; old browsers send none.
func (f *testFront) sendAs(method, path, origin, site string) recorder {
	return f.send(method, path, "{}", func(r *http.Request) {
		r.Host = "agentconf.test:8080"
		r.Header.Set("Content-Type", "application/json")
		for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
	})
}

// A page of a foreign origin can change nothing. A page of the same or of a listed origin,
// and a program that is no browser, can.
func TestForeignOrigin(t *testing.T) {
	f := newTestFront(stubService{}, "https://Desk.example")
	for _, c := range []struct {
		origin, site string
		allowed      bool
	}{
		{"https://evil.example", "cross-site", false},
		{"https://evil.example", "", false},
		{"null", "cross-site", false},
		{"", "cross-site", false},
		{"http://agentconf.test:9999", "same-site", false},
		{"https://desk.example.evil.example", "cross-site", false},
		{"https://desk.example", "cross-site", true},
		{"https://desk.example", "", true},
		{"http://agentconf.test:8080", "same-origin", true},
		{"http://agentconf.test:8080", "", true},
		{"", "none", true},
		{"", "", true},
	} {
		for _, target := range [][2]string{{"POST", "/v1/agents/1287/session:login"}, {"PUT", loginPath}, {"DELETE", loginPath + "/logout"}} {
			w := f.sendAs(target[0], target[1], c.origin, c.site)
			if c.allowed {
				f.takeCall(t)
				continue
			}
			if w.Code != statusOn(target[1], http.StatusForbidden) || w.Header().Get("Agentconf-Reason") != "CROSS_ORIGIN" ||
				w.Header().Get("Agentconf-Outcome") != "not_applied" {
				t.Errorf("%v from %q (%s): HTTP status %d, %v, %s", target, c.origin, c.site, w.Code, w.Header(), w.Body)
			}
			f.checkNoCall(t)
		}
	}
	w := f.sendAs("PUT", loginPath, "https://evil.example", "cross-site")
	if retcodeIn(t, w.Body.Bytes()) != "000-003" {
		t.Errorf("%s", w.Body)
	}
	f.sendAs("GET", "/v1/agents/1287/conference:queryAllConfIds", "https://evil.example", "cross-site")
	f.takeCall(t) // a read; without CORS the page cannot send a GUID
}

// A front for any origin has no check.
func TestAnyOriginMayCall(t *testing.T) {
	f := newTestFront(stubService{}, "*")
	f.sendAs("POST", holdREST, "https://evil.example", "cross-site")
	f.takeCall(t)
}

// Every response has a request ID: also one of the documentation, of a preflight, and of a
// path without an operation.
func TestRequestIDOfEveryResponse(t *testing.T) {
	f := newTestFront(stubService{}, "https://desk.example")
	for _, target := range [][2]string{
		{"GET", "/docs"}, {"GET", "/docs/"}, {"GET", "/docs/openapi.json"}, {"GET", "/docs/nothing"}, {"GET", "/docs%2F"},
		{"GET", "/"}, {"GET", "/v1%2Fagents"}, {"POST", "/agentgateway/resource%2Fx"}, {"PATCH", holdREST}, {"OPTIONS", holdREST},
		{"POST", holdREST}, {"POST", holdGateway},
	} {
		r := httptest.NewRequest(target[0], target[1], http.NoBody)
		r.Header.Set("Origin", "https://desk.example")
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("X-Request-Id", "their-8")
		w := recorder{httptest.NewRecorder()}
		f.ServeHTTP(w, r)
		if got := w.Header()["X-Request-Id"]; len(got) != 1 || got[0] != "their-8" {
			t.Errorf("%v: request ID %q, HTTP status %d", target, got, w.Code)
		}
	}
}
