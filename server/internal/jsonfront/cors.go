package jsonfront

import (
	"net/http"
	"time"

	"github.com/rs/cors"
)

// corsMaxAge is the time for which a browser may keep the answer to a preflight.
const corsMaxAge = 10 * time.Minute

// withCORS lets pages of the origins call h. A page sets the GUID as a header itself,
// so that browsers need not send credentials of their own.
func withCORS(h http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return h
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{
			"Guid", "Content-Type", "Grpc-Timeout", "Last-Event-ID", requestIDHeader,
			"service_token", "traceparent", "tracestate",
		},
		ExposedHeaders: []string{"Set-GUID", "Retry-After", "WWW-Authenticate", requestIDHeader},
		MaxAge:         int(corsMaxAge.Seconds()),
	}).Handler(h)
}
