package jsonfront

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
)

// emptyConn replies to every call with an empty message.
type emptyConn struct{ panickingConn }

func (emptyConn) Invoke(context.Context, string, any, any, ...grpc.CallOption) error { return nil }

// The second request of an operation finds its route in the cache, whatever the agent. A
// path that ends in a parameter is not cached, since the cache would grow without limit.
func TestRoutesAreCached(t *testing.T) {
	f := newFront(Options{Conn: emptyConn{}, Log: slog.New(slog.DiscardHandler), MaxRequest: maxRequest, Metrics: prometheus.NewRegistry()})
	for path, cached := range map[string]bool{holdREST: true, holdGateway: true, skillPath + "true": false} {
		f.ServeHTTP(recorder{httptest.NewRecorder()}, httptest.NewRequest("POST", path, strings.NewReader("{}")))
		other := strings.Replace(path, "1287", "1288", 1)
		handle, values := f.routes.find(httptest.NewRequest("POST", other, nil))
		if found := handle != nil; found != cached || found && values["agent_id"] != "1288" {
			t.Errorf("%s is cached: %v, with %v", path, found, values)
		}
	}
	if len(f.routes.byKey) != 2 {
		t.Errorf("%d routes are cached, want 2", len(f.routes.byKey))
	}
}
