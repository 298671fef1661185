package page

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(mux http.Handler, path, etag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("If-None-Match", etag)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// Every file comes with the policy, its type and an ETag that saves a second transfer.
func TestFiles(t *testing.T) {
	mux := http.NewServeMux()
	Add(mux, Front{})
	types := map[string]string{
		"/":                             "text/html; charset=utf-8",
		"/emulator/page/page.css":       "text/css; charset=utf-8",
		"/emulator/page/page.js":        "text/javascript; charset=utf-8",
		"/emulator/page/icon.svg":       "image/svg+xml",
		"/emulator/page/conferences.js": "text/javascript; charset=utf-8",
	}
	for path, want := range types {
		w := get(mux, path, "")
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != want || w.Body.Len() == 0 {
			t.Errorf("%s: %d %s, %d bytes", path, w.Code, h.Get("Content-Type"), w.Body.Len())
		}
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
		if again := get(mux, path, h.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.Code)
		}
	}
	for _, path := range []string{"/index.html", "/emulator/page/index.html", "/emulator/page/", "/other"} {
		if w := get(mux, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// The policy forbids inline scripts and styles and other hosts. A file that has one would be
// broken only in the browser. Markup that is made of texts would let a gateway's text run.
func TestFilesObeyThePolicy(t *testing.T) {
	forbidden := regexp.MustCompile(
		`<script>|<style|\sstyle=|\son[a-z]+="|javascript:|eval\(|new Function|innerHTML\s*\+?=[^=]|outerHTML|insertAdjacentHTML|@import`)
	otherHost := regexp.MustCompile(`https?://[a-zA-Z0-9.]+`)
	allowed := map[string]bool{
		"http://www.w3.org": true, // the name space of SVG
		"http://127.0.0.1":  true, // in commands
	}
	err := fs.WalkDir(files, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		for _, found := range forbidden.FindAllString(string(text), -1) {
			t.Errorf("%s has %q", name, found)
		}
		for _, host := range otherHost.FindAllString(string(text), -1) {
			if !allowed[host] {
				t.Errorf("%s names the host %s", name, host)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// The page names only files that exist.
func TestReferences(t *testing.T) {
	mux := http.NewServeMux()
	Add(mux, Front{})
	reference := regexp.MustCompile(`(?:href|src)="(emulator/[^"]+)"|from "\./([^"]+)"`)
	found := 0
	entries, err := files.ReadDir("web")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := files.ReadFile("web/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range reference.FindAllStringSubmatch(string(text), -1) {
			path := "/" + match[1]
			if match[2] != "" {
				path = "/emulator/page/" + match[2]
			}
			found++
			if w := get(mux, path, ""); w.Code != http.StatusOK {
				t.Errorf("%s refers to %s: %d", entry.Name(), path, w.Code)
			}
		}
	}
	if found < 10 {
		t.Errorf("found %d references", found)
	}
}

// A broken connection becomes an answer, so that the browser does not repeat the call.
func TestCallGateway(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /agentgateway/broken", func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
			t.Error("the gateway has the connection of the browser")
		}
		w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("POST /agentgateway/whole", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-GUID", "new")
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte("whole"))
	})
	Add(mux, Front{})
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, want := range map[string]string{
		"broken": `502 {"error":"The gateway broke the connection of the call, as the fault demands."}`,
		"whole":  "418 whole",
	} {
		reply, err := http.Post(server.URL+gatewayRoot+"/agentgateway/"+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(reply.Body)
		reply.Body.Close()
		if got := fmt.Sprintf("%d %s", reply.StatusCode, body); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", path, got, err, want)
		}
	}
}

// The page reaches the service in front by its own origin, and no other page does.
func TestFront(t *testing.T) {
	mux := http.NewServeMux()
	Add(mux, Front{HTTP: "http://127.0.0.1:8080", GRPC: "127.0.0.1:9090",
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.URL.Path)) })})
	post := func(site string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/front/v1/agents/1287/conference:holdParticipant", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	if w := post("same-origin"); w.Body.String() != "/v1/agents/1287/conference:holdParticipant" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post("cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("another page: %d %s", w.Code, w.Body)
	}
	const want = `{"http":"http://127.0.0.1:8080","grpc":"127.0.0.1:9090"}`
	if got := strings.TrimSpace(get(mux, "/emulator/front", "").Body.String()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	alone := http.NewServeMux()
	Add(alone, Front{})
	if got := strings.TrimSpace(get(alone, "/emulator/front", "").Body.String()); got != "{}" {
		t.Errorf("without a service: %s", got)
	}
	if w := get(alone, "/front/outcomes", ""); w.Code != http.StatusNotFound {
		t.Errorf("without a service: %d", w.Code)
	}
}
