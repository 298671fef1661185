// Package servicetest holds what the tests of the services share: a scripted gateway in
// memory, and checks of errors and metrics. It works inside a testing/synctest bubble.
package servicetest

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/metadata"

	"agentconf/conformance"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

// GUID is the GUID of the calls that a test makes with Context.
const GUID = conformance.SomeGUID

// Timeout is the timeout of the gateway's client.
const Timeout = 5 * time.Second

// Gateway is a scripted gateway, and a runner that sends its requests there.
type Gateway struct {
	*conformance.Gateway
	Runner  *operation.Runner
	Metrics *prometheus.Registry // of the runner
}

// NewGateway starts a gateway that answers every request with the documented reply. It ends
// with the test. The options of the runner are those of the program, except for the metrics.
func NewGateway(t testing.TB, options operation.Options) *Gateway {
	t.Helper()
	l := ListenPipe()
	scripted := conformance.NewGateway(l)
	t.Cleanup(scripted.Stop)
	client, err := gateway.New(gateway.Options{
		URL: "http://gateway.test", Timeout: Timeout,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	metrics := prometheus.NewRegistry()
	options.AgentIDMax, options.Metrics = 59999, metrics
	return &Gateway{scripted, operation.NewRunner(client, options), metrics}
}

// Reply makes the gateway answer every request with a body and HTTP status 200.
func (g *Gateway) Reply(body string) { g.Play(conformance.Script{Reply: &body}) }

// Only returns the one request that the gateway has received since the last call.
func (g *Gateway) Only(t testing.TB) conformance.Request {
	t.Helper()
	received := g.Received()
	if len(received) != 1 {
		t.Fatalf("the gateway received %d requests, want 1: %v", len(received), received)
	}
	return received[0]
}

// Context returns the context of a call with GUID as its GUID, and with further metadata.
func Context(t testing.TB, keyValues ...string) context.Context {
	return metadata.NewIncomingContext(t.Context(), metadata.Pairs(append(keyValues, "guid", GUID)...))
}

// CheckError checks that err is an error of a kind, and returns it. The test ends if err is
// no *outcome.Error.
func CheckError(t testing.TB, err error, want outcome.Kind) *outcome.Error {
	t.Helper()
	e, ok := errors.AsType[*outcome.Error](err)
	if !ok {
		t.Fatalf("error %v, want %v %s", err, want.Code, want.Reason)
	}
	if e.Code != want.Code || e.Reason != want.Reason || e.Outcome != want.Outcome {
		t.Errorf("%v %s %s: %v; want %v %s %s",
			e.Code, e.Reason, e.Outcome, e, want.Code, want.Reason, want.Outcome)
	}
	return e
}

// CheckMetrics checks that the text format of the metrics has the lines, each one with its
// labels in alphabetical order and its value.
func CheckMetrics(t testing.TB, metrics prometheus.Gatherer, lines ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	handler := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range lines {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, w.Body)
		}
	}
}
