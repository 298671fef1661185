package transport

import (
	"net/http"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// routes remembers which operation a kind of path leads to. The mux of grpc-gateway
// tries its patterns one by one, and there are more than fifty; with this it does so
// once for each.
type routes struct {
	mu    sync.RWMutex
	byEnd map[end]route
}

// end is what tells the operations apart: the method, and what stands behind the
// last slash.
type end struct{ method, path string }

type route struct {
	pattern runtime.Pattern
	handle  runtime.HandlerFunc
}

func endOf(r *http.Request) end {
	return end{r.Method, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]}
}

// find returns what handles r, if a request of its kind has been seen, and the
// values in its path.
func (rs *routes) find(r *http.Request) (runtime.HandlerFunc, map[string]string) {
	rs.mu.RLock()
	known, ok := rs.byEnd[endOf(r)]
	rs.mu.RUnlock()
	if !ok {
		return nil, nil
	}
	verb := known.pattern.Verb()
	path := strings.TrimSuffix(r.URL.Path, ":"+verb)
	values, err := known.pattern.MatchAndEscape(strings.Split(path[1:], "/"), verb, runtime.UnescapingModeLegacy)
	if err != nil {
		return nil, nil
	}
	return known.handle, values
}

// remember is the middleware that sees where the mux leads. A pattern that ends in
// a value is not remembered: there would be no end of its ends.
func (rs *routes) remember(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, values map[string]string) {
		pattern, found := runtime.HTTPPattern(r.Context())
		if template := pattern.String(); found && !strings.Contains(template[strings.LastIndexByte(template, '/')+1:], "{") {
			rs.mu.Lock()
			rs.byEnd[endOf(r)] = route{pattern, next}
			rs.mu.Unlock()
		}
		next(w, r, values)
	}
}
