package transport

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
)

// panicking is where every call panics, behind the interceptors of both fronts.
type panicking struct{}

func (panicking) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	panic("opensesame")
}

func (panicking) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	panic("opensesame")
}

// A panic outside of a call ends the connection, and is logged as one of a call is:
// without what it says.
func TestPanicOfJSONFront(t *testing.T) {
	var text strings.Builder
	log := slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := httptest.NewUnstartedServer(newJSONFront(panicking{}, log, 1<<10))
	server.Config.ErrorLog = errorLog(log)
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
