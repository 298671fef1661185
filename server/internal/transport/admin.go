package transport

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin is the port of the operator: /healthz, which answers for as long as the process
// does, /readyz, /metrics, /log-level, and the profiles of Go under /debug/pprof/. It
// asks nobody who they are, so it belongs on a local address.
func Admin(metrics prometheus.Gatherer, level *slog.LevelVar, ready http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /log-level", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, level.Level()) })
	mux.HandleFunc("PUT /log-level", func(w http.ResponseWriter, r *http.Request) { setLogLevel(w, r, level) })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// setLogLevel takes the level from the body, a word.
func setLogLevel(w http.ResponseWriter, r *http.Request, level *slog.LevelVar) {
	word, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16))
	if err != nil || level.UnmarshalText(word) != nil {
		http.Error(w, "send debug, info, warn or error", http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, level.Level())
}
