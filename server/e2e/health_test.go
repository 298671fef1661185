package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	"agentconf/server/internal/lifecycle"
)

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// healthWatch is a stream of the states of one service from grpc.health.v1.
type healthWatch struct {
	grpc_health_v1.Health_WatchClient
}

// watchHealth opens a stream. The empty name stands for the process.
func (f *fronts) watchHealth(t *testing.T, name string) healthWatch {
	t.Helper()
	client, req := grpc_health_v1.NewHealthClient(f.conn), &grpc_health_v1.HealthCheckRequest{Service: name}
	watch, err := client.Watch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return healthWatch{watch}
}

// expect compares the next state.
func (w healthWatch) expect(t *testing.T, want grpc_health_v1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	if got, err := w.Recv(); got.GetStatus() != want || err != nil {
		t.Fatalf("health %v, %v, want %v", got, err, want)
	}
}

// expectReady compares the reply of /readyz, and checks that /healthz replies 200.
func (f *fronts) expectReady(t *testing.T, httpStatus int, text string) {
	t.Helper()
	if got, body := f.admin("/readyz"); got != httpStatus || body != text {
		t.Errorf("/readyz is %d %q, want %d %q", got, body, httpStatus, text)
	}
	if got, _ := f.admin("/healthz"); got != http.StatusOK {
		t.Errorf("/healthz is %d, want 200", got)
	}
}

// probeResults holds the text of the error that each probe returns, or the empty string.
type probeResults struct{ gateway, node1 atomic.Value }

// probe takes a second.
func (p *probeResults) probe(context.Context) (map[string]error, error) {
	time.Sleep(time.Second) // of the bubble
	return map[string]error{"node1": loadError(&p.node1), "node2": nil}, loadError(&p.gateway)
}

func loadError(v *atomic.Value) error {
	if text, _ := v.Load().(string); text != "" {
		return errors.New(text)
	}
	return nil
}

// The service is ready if the last probe has reached the gateway. A node that cannot be
// reached is only named. The health of each gRPC service follows readiness, and the health
// of the process does not.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var results probeResults
		results.gateway.Store("refused")
		f := serveAs(t, memory, stub{}, func(o *lifecycle.Options) {
			o.Probe, o.ProbeInterval = results.probe, 5*time.Second
		})
		process, conferences := f.watchHealth(t, ""), f.watchHealth(t, "agentconf.v1.ConferenceService")
		process.expect(t, serving)
		conferences.expect(t, notServing)
		f.expectReady(t, http.StatusServiceUnavailable, "not ready: the service is starting\n")
		time.Sleep(1500 * time.Millisecond)
		f.expectReady(t, http.StatusServiceUnavailable, "not ready: the CC-Gateway cannot be reached: refused\n")

		results.gateway.Store("")
		conferences.expect(t, serving)
		f.expectReady(t, http.StatusOK, "ready\n")
		results.node1.Store("reset")
		time.Sleep(7 * time.Second)
		f.expectReady(t, http.StatusOK, "ready; node node1 of the CC-Gateway cannot be reached: reset\n")
		expectMetric(t, f.metrics, `agentconf_gateway_reachable{node=""} 1`)
		expectMetric(t, f.metrics, `agentconf_gateway_reachable{node="node1"} 0`)
		expectMetric(t, f.metrics, `agentconf_gateway_reachable{node="node2"} 1`)

		results.gateway.Store("refused again")
		conferences.expect(t, notServing)
		expectMetric(t, f.metrics, `agentconf_gateway_reachable{node=""} 0`)
		f.stopCleanly(t)
		log := f.log.String()
		if got := strings.Count(log, `"msg":"not ready"`); got != 2 {
			t.Errorf("got %d log records of not ready, want 2:\n%s", got, log)
		}
		if got := strings.Count(log, `"msg":"ready"`); got != 1 {
			t.Errorf("got %d log records of ready, want 1:\n%s", got, log)
		}
	})
}

// Health checks and reflection are served without a log record.
func TestHealthAndReflection(t *testing.T) {
	f := newFronts(t, sockets)
	for _, name := range []string{"", "agentconf.v1.ConferenceService"} {
		client, req := grpc_health_v1.NewHealthClient(f.conn), &grpc_health_v1.HealthCheckRequest{Service: name}
		got, err := client.Check(t.Context(), req)
		if err != nil || got.GetStatus() != serving {
			t.Errorf("health of %q: %v, %v, want %v", name, got, err, serving)
		}
	}
	stream, err := grpc_reflection_v1.NewServerReflectionClient(f.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{
			FileContainingSymbol: "agentconf.v1.ConferenceService",
		},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil || len(got.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("reflection: got %v, %v, want a file descriptor", got, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if got := f.log.String(); got != "" {
		t.Errorf("got log %s, want none", got)
	}
}
