package jsonfront

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// routes caches the route of each operation. The mux of grpc-gateway tries more than
// fifty patterns one by one.
type routes struct {
	mu    sync.RWMutex
	byKey map[routeKey]route
}

// routeKey identifies an operation: HTTP method and last path segment.
type routeKey struct{ method, segment string }

type route struct {
	pattern runtime.Pattern
	handle  runtime.HandlerFunc
}

// routeKeyOf returns the key of r. In the REST paths, the segment has the verb, as in
// conference:holdParticipant.
func routeKeyOf(r *http.Request) routeKey {
	return routeKey{r.Method, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]}
}

// find returns the cached handler of r and the values of its path parameters, or nil. The
// key is only a guess, which the pattern confirms: paths of other operations may end in
// the same segment.
func (rs *routes) find(r *http.Request) (runtime.HandlerFunc, map[string]string) {
	rs.mu.RLock()
	cached, ok := rs.byKey[routeKeyOf(r)]
	rs.mu.RUnlock()
	if !ok {
		return nil, nil
	}
	verb := cached.pattern.Verb()
	path := strings.TrimSuffix(r.URL.Path, ":"+verb)
	segments := strings.Split(path[1:], "/")
	values, err := cached.pattern.MatchAndEscape(segments, verb, runtime.UnescapingModeLegacy)
	if err != nil {
		return nil, nil
	}
	return cached.handle, values
}

// remember is the middleware that fills the cache. It leaves out patterns that end in a
// parameter, whose keys would be unlimited in number.
func (rs *routes) remember(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, values map[string]string) {
		pattern, found := runtime.HTTPPattern(r.Context())
		template := pattern.String()
		if found && !strings.Contains(template[strings.LastIndexByte(template, '/')+1:], "{") {
			rs.mu.Lock()
			rs.byKey[routeKeyOf(r)] = route{pattern, next}
			rs.mu.Unlock()
		}
		next(w, r, values)
	}
}

// routeQuery is the context key of a request that only asks whether it has a route. Its
// value is a *bool, which answerRouteQuery sets.
type routeQuery struct{}

// allowedMethods returns the HTTP methods that the path of r has operations for. The mux
// cannot list them, so that each is tried with a request that makes no call.
func (f *front) allowedMethods(r *http.Request) (allowed []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		found := false
		query := r.WithContext(context.WithValue(r.Context(), routeQuery{}, &found))
		query.Method = method
		f.mux.ServeHTTP(nil, query)
		if found {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// answerRouteQuery is the middleware that ends a routeQuery before its handler.
func answerRouteQuery(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, values map[string]string) {
		if found, isQuery := r.Context().Value(routeQuery{}).(*bool); isQuery {
			*found = true
			return
		}
		next(w, r, values)
	}
}
