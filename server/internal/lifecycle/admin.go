package lifecycle

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"agentconf/server/internal/telemetry"
)

// The time-outs of the admin port. A profile may take as long as a request may be read.
const (
	adminHeaderTime = 5 * time.Second
	adminReadTime   = 2 * time.Minute
	adminWriteTime  = 10 * time.Second // of one write
	adminIdleTime   = time.Minute
)

// adminIndex is the index page of the admin port.
const adminIndex = `<!DOCTYPE html>
<title>agentconf</title>
<h1>agentconf: admin port</h1>
<ul>
<li><a href="/healthz">/healthz</a>: 200 while the process runs</li>
<li><a href="/readyz">/readyz</a>: 200 if this replica should get calls, otherwise 503 and the reason</li>
<li><a href="/metrics">/metrics</a>: metrics for Prometheus</li>
<li><a href="/log-level">/log-level</a>: the lowest level that is logged; PUT debug, info, warn or error sets it</li>
<li><a href="/debug/pprof/">/debug/pprof/</a>: profiles of the process</li>
</ul>
`

// ServeAdmin serves the admin port until the caller closes it.
func ServeAdmin(l net.Listener, handler http.Handler, log *slog.Logger, logPeers bool) (close func() error) {
	admin := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: adminHeaderTime,
		ReadTimeout:       adminReadTime,
		IdleTimeout:       adminIdleTime,
		ErrorLog:          telemetry.HTTPLog(log, "admin", logPeers),
	}
	go admin.Serve(writeDeadlineListener{l, adminWriteTime})
	return admin.Close
}

// Admin returns the handler of the operator's port: an index page, /healthz, which answers
// as long as the process runs, /readyz, /metrics, /log-level, and Go's profiles under
// /debug/pprof/. It authenticates nobody, so it belongs on a local address.
func Admin(metrics prometheus.Gatherer, level *slog.LevelVar, ready http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, adminIndex)
	})
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
