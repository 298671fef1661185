package jsonfront

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"
)

// anyOrigin in Options.CORSOrigins lets pages of all origins call the front.
const anyOrigin = "*"

// corsMaxAge is the time for which a browser may keep the answer to a preflight.
const corsMaxAge = 10 * time.Minute

// withCORS lets pages of the origins call h. A page sets the GUID as a header itself,
// so that browsers need not send credentials of their own. Cache-Control and
// X-Requested-With come from libraries for server-sent events.
func withCORS(h http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return h
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{
			"Guid", "Content-Type", "Grpc-Timeout", "Last-Event-ID", requestIDHeader,
			"service_token", "traceparent", "tracestate", "Cache-Control", "X-Requested-With",
		},
		ExposedHeaders: []string{
			"Set-GUID", "Retry-After", "WWW-Authenticate", requestIDHeader, outcomeHeader, reasonHeader,
		},
		MaxAge: int(corsMaxAge.Seconds()),
	}).Handler(h)
}

// newOriginCheck returns the check of requests that a browser sends for a page. A page needs
// no permission to send a simple request, such as a POST of plain text, although it cannot
// read the reply: it could sign agents in and out. The check is nil if any origin may call.
func newOriginCheck(origins []string) *http.CrossOriginProtection {
	if slices.Contains(origins, anyOrigin) {
		return nil
	}
	check := http.NewCrossOriginProtection()
	for _, origin := range origins {
		// Browsers send origins in lower case.
		if err := check.AddTrustedOrigin(strings.ToLower(origin)); err != nil {
			panic(err) // the flag --cors-origin accepts no such origin
		}
	}
	return check
}
