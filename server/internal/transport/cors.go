package transport

import (
	"net/http"
	"time"

	"github.com/rs/cors"
)

// corsAge is for how long a browser need not ask again what it may send.
const corsAge = 10 * time.Minute

// withCORS lets pages of other origins call h. The GUID is a header that a page sets
// itself, so a browser adds no credential of its own, and need not.
func withCORS(h http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return h
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{"Guid", "Content-Type", "Grpc-Timeout", "Last-Event-ID", requestIDHeader, "service_token", "traceparent", "tracestate"},
		ExposedHeaders: []string{"Set-GUID", "Retry-After", "WWW-Authenticate", requestIDHeader},
		MaxAge:         int(corsAge.Seconds()),
	}).Handler(h)
}
