// Package page serves the page of the emulator. The page draws what the control API returns,
// and has no state of its own.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// files has the page and its style, scripts and icon.
//
//go:embed web
var files embed.FS

// policy lets the page load only its own files and call only its own origin.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Front is a service that stands in front of the gateway. The page then calls that service
// instead of the gateway, and shows the outcomes that the service gave its callers.
type Front struct {
	HTTP string // URL of its JSON port, for commands
	GRPC string // HOST:PORT of its gRPC port, for commands

	// Handler serves the page below /front/, without that prefix: the REST paths of the
	// service, and GET /outcomes. The outcomes are server-sent events whose data is JSON with
	// operation, agentId, outcome, reason and code, the times start and end of the call, and
	// their distance ms in milliseconds. nil is no service.
	Handler http.Handler
}

// gatewayRoot is the path below which the page calls the gateway.
const gatewayRoot = "/emulator/page/gateway"

// Add adds the page to mux, which serves the gateway: the page itself at /, its files and its
// calls below /emulator/page/, and the service in front.
func Add(mux *http.ServeMux, front Front) {
	entries, err := files.ReadDir("web")
	if err != nil {
		panic(err) // the build has embedded no page
	}
	for _, entry := range entries {
		name := entry.Name()
		data, err := files.ReadFile("web/" + name)
		if err != nil {
			panic(err)
		}
		path := "/emulator/page/" + name
		if name == "index.html" {
			path = "/{$}"
		}
		mux.Handle("GET "+path, serveFile(name, data))
	}
	protection := http.NewCrossOriginProtection()
	mux.Handle("POST "+gatewayRoot+"/", protection.Handler(http.StripPrefix(gatewayRoot, callGateway(mux))))
	mux.HandleFunc("GET /emulator/front", front.serveAddresses)
	if front.Handler != nil {
		mux.Handle("/front/", protection.Handler(http.StripPrefix("/front", front.Handler)))
	}
}

// serveFile serves data with an ETag and the content type of name. A browser asks again
// each time, because another build may serve another page at the same address.
func serveFile(name string, data []byte) http.Handler {
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(data))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", policy)
		h.Set("ETag", etag)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}

// serveAddresses returns the addresses of the service in front: {} without one.
func (f Front) serveAddresses(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct { // an error means that the client is gone
		HTTP string `json:"http,omitempty"`
		GRPC string `json:"grpc,omitempty"`
	}{f.HTTP, f.GRPC})
}
