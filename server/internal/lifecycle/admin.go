package lifecycle

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin returns the handler of the operator's port: /healthz, which answers as long as
// the process runs, /readyz, /metrics, /log-level, and Go's profiles under
// /debug/pprof/. It authenticates nobody, so it belongs on a local address.
func Admin(metrics prometheus.Gatherer, level *slog.LevelVar, ready http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "alive")
	})
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /log-level", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, level.Level())
	})
	mux.HandleFunc("PUT /log-level", func(w http.ResponseWriter, r *http.Request) {
		setLogLevel(w, r, level)
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.NewCrossOriginProtection().Handler(mux) // no page of another origin is an operator
}

// setLogLevel sets the level to the word in the body.
func setLogLevel(w http.ResponseWriter, r *http.Request, level *slog.LevelVar) {
	word, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16))
	if err != nil || level.UnmarshalText(word) != nil {
		http.Error(w, "send debug, info, warn or error", http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, level.Level())
}
