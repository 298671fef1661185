package jsonfront

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"net/http"
	"time"

	"github.com/swaggest/swgui/v5emb"

	"agentconf/gen/openapi"
)

// docsRoot begins the paths of the documentation.
const docsRoot = "/docs"

// docsPolicy lets the page load only files of its own origin and call only that origin.
// Swagger UI draws arrows as data: images.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var (
	//go:embed docs/index.html
	docsPage []byte

	//go:embed docs/start.js
	docsScript []byte

	//go:embed docs/docs.css
	docsStyle []byte
)

// newDocs returns the handler of the OpenAPI document and of Swagger UI, which can make
// calls.
func newDocs() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.Handler) {
		mux.Handle("GET "+docsRoot+pattern, withDocsHeaders(h))
	}
	handle("/{$}", newContent("index.html", docsPage))
	handle("/start.js", newContent("start.js", docsScript))
	handle("/docs.css", newContent("docs.css", docsStyle))
	handle("/openapi.json", newContent("openapi.json", openapi.Document))
	mux.Handle("GET /{$}", http.RedirectHandler(docsRoot+"/", http.StatusFound))
	viewer := v5emb.New("agentconf", docsRoot+"/openapi.json", docsRoot)
	for _, asset := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"} {
		handle("/"+asset, viewer)
	}
	return mux
}

// withDocsHeaders adds the headers of every file of the documentation. A browser asks
// again each time, and gets a reply without a body if the file has not changed.
func withDocsHeaders(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

// newContent serves data, with an ETag and the content type of name. The files of the
// program have no time of change, so that the ETag is their hash.
func newContent(name string, data []byte) http.Handler {
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(data))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}
