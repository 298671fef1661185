package lifecycle

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/test/bufconn"
)

// The log level changes at run time, and a word that is no level leaves it as it is.
func TestAdminLogLevel(t *testing.T) {
	var level slog.LevelVar
	admin := Admin(prometheus.NewRegistry(), &level, http.NotFoundHandler())
	for _, test := range []struct {
		method, word string
		httpStatus   int
		want         slog.Level
	}{
		{"GET", "", http.StatusOK, slog.LevelInfo},
		{"PUT", "debug", http.StatusOK, slog.LevelDebug},
		{"PUT", "loud", http.StatusBadRequest, slog.LevelDebug},
		{"PUT", strings.Repeat("warn", 10), http.StatusBadRequest, slog.LevelDebug},
		{"PUT", "WARN", http.StatusOK, slog.LevelWarn},
		{"POST", "error", http.StatusMethodNotAllowed, slog.LevelWarn},
	} {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest(test.method, "/log-level", strings.NewReader(test.word)))
		if w.Code != test.httpStatus || level.Level() != test.want {
			t.Errorf("%s %q: HTTP status %d, level %v", test.method, test.word, w.Code, level.Level())
		}
		if w.Code == http.StatusOK && w.Body.String() != test.want.String()+"\n" {
			t.Errorf("%s %q: %q", test.method, test.word, w.Body)
		}
	}
}

// A page that an operator has open in a browser cannot change the log level. Tools and the
// port's own pages can.
func TestAdminForeignOrigin(t *testing.T) {
	for site, want := range map[string]slog.Level{
		"cross-site": slog.LevelInfo, "same-site": slog.LevelInfo, "same-origin": slog.LevelDebug, "": slog.LevelDebug,
	} {
		var level slog.LevelVar
		admin := Admin(prometheus.NewRegistry(), &level, http.NotFoundHandler())
		r := httptest.NewRequest("PUT", "/log-level", strings.NewReader("debug"))
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, r)
		if level.Level() != want || (w.Code == http.StatusForbidden) != (want == slog.LevelInfo) {
			t.Errorf("%q: HTTP status %d, level %v, want %v", site, w.Code, level.Level(), want)
		}
	}
}

// The port has the health of the process, readiness, metrics and profiles. Metrics can
// only be read.
func TestAdmin(t *testing.T) {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "a_gauge"}, func() float64 { return 7 }))
	unready := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	admin := Admin(metrics, new(slog.LevelVar), unready)
	for path, want := range map[string]struct {
		httpStatus int
		text       string
	}{
		"/healthz":               {http.StatusOK, "alive\n"},
		"/readyz":                {http.StatusServiceUnavailable, "no\n"},
		"/metrics":               {http.StatusOK, "\na_gauge 7\n"},
		"/debug/pprof/goroutine": {http.StatusOK, ""},
		"/":                      {http.StatusOK, `<a href="/readyz">`},
		"/nothing":               {http.StatusNotFound, ""},
	} {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want.httpStatus || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: HTTP status %d, %.200s", path, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest("POST", "/metrics", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("HTTP status %d of a POST", w.Code)
	}
}

// A client that sends its headers, or its body, too slowly is disconnected.
func TestAdminTimeouts(t *testing.T) {
	for sent, want := range map[string]time.Duration{
		"GET / HTTP/1.1\r\nHost": adminHeaderTime,
		"PUT /log-level HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nde": adminReadTime,
		"": adminHeaderTime,
	} {
		synctest.Test(t, func(t *testing.T) {
			l := bufconn.Listen(1 << 16)
			admin := Admin(prometheus.NewRegistry(), new(slog.LevelVar), http.NotFoundHandler())
			defer ServeAdmin(l, admin, slog.New(slog.DiscardHandler), true)()
			conn, err := l.DialContext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			start := time.Now()
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(conn); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took < want || took > want+time.Second {
				t.Errorf("%q: disconnected after %v, want %v", sent, took, want)
			}
		})
	}
}
