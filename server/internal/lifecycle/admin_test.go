package lifecycle

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
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
