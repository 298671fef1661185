package transport

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"path"
	"time"

	"github.com/swaggest/swgui/v5emb"

	"agentconf/gen/openapi"
)

// docsRoot begins the paths of the documentation.
const docsRoot = "/docs"

// docsPolicy lets the page load nothing but what stands beside it, and call this port
// only. Swagger UI draws arrows as data: images.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs
var docsPage embed.FS

// newDocs is the OpenAPI document with Swagger UI, in which a call can be tried.
func newDocs() *http.ServeMux {
	mux := http.NewServeMux()
	serve := func(pattern string, h http.Handler) { mux.Handle("GET "+docsRoot+pattern, asPage(h)) }
	serve("/{$}", page("index.html"))
	serve("/start.js", page("start.js"))
	serve("/openapi.json", content("openapi.json", openapi.Document))
	viewer := v5emb.New("agentconf", docsRoot+"/openapi.json", docsRoot)
	for _, asset := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"} {
		serve("/"+asset, viewer)
	}
	return mux
}

// asPage adds the headers that all of the documentation has: a browser asks again each
// time, and gets an answer without a body as long as nothing has changed.
func asPage(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

// page serves a file of docs.
func page(name string) http.Handler {
	data, err := docsPage.ReadFile(path.Join("docs", name))
	if err != nil { // it was not compiled in
		panic(err)
	}
	return content(name, data)
}

// content serves data, with an ETag and the type that its name has.
func content(name string, data []byte) http.Handler {
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(data))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}
