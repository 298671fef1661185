package jsonfront

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"agentconf/internal/leaktest"
)

// panickingConn is a connection on which every call panics, outside of the interceptors.
type panickingConn struct{}

func (panickingConn) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	panic("opensesame")
}

func (panickingConn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	panic("opensesame")
}

// A panic outside of a call closes the connection. The log has one record, as for a
// panic of a call: without the value of the panic.
func TestPanicOfJSONFront(t *testing.T) {
	leaktest.Check(t)
	var text strings.Builder
	log := slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := httptest.NewUnstartedServer(New(Options{Conn: panickingConn{}, Log: log, MaxRequest: 1 << 10, Metrics: prometheus.NewRegistry()}))
	server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	server.Start()
	if resp, err := server.Client().Post(server.URL+"/v1/agents/1287/conference:answerAgentConf", "", nil); err == nil {
		resp.Body.Close()
		t.Errorf("HTTP status %d", resp.StatusCode)
	}
	server.Close()
	if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "panic: string") ||
		!strings.Contains(got, "abort_test.go") || strings.Contains(got, "opensesame") {
		t.Errorf("logged:\n%s", got)
	}
}
