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

	"agentconf/server/internal/lifecycle"
)

// healthWatch is what grpc.health.v1 says of one name.
type healthWatch struct {
	grpc_health_v1.Health_WatchClient
}

func (v *fronts) watchHealth(t *testing.T, name string) healthWatch {
	t.Helper()
	watch, err := grpc_health_v1.NewHealthClient(v.conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
	if err != nil {
		t.Fatal(err)
	}
	return healthWatch{watch}
}

func (w healthWatch) expect(t *testing.T, want grpc_health_v1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	if got, err := w.Recv(); got.GetStatus() != want || err != nil {
		t.Fatalf("health %v, %v, want %v", got, err, want)
	}
}

func (v *fronts) expectReady(t *testing.T, httpStatus int, text string) {
	t.Helper()
	if got, body := v.admin("/readyz"); got != httpStatus || body != text {
		t.Errorf("/readyz is %d %q, want %d %q", got, body, httpStatus, text)
	}
	if got, _ := v.admin("/healthz"); got != http.StatusOK {
		t.Errorf("/healthz is %d", got)
	}
}

// The service is ready while the last probe reached the gateway; a node that is down
// is no more than told. Health says the same of the services, and of "" only that it
// runs.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gateway, node atomic.Value
		probe := func(context.Context) (map[string]error, error) {
			time.Sleep(time.Second)
			failed := func(v *atomic.Value) error {
				if text, _ := v.Load().(string); text != "" {
					return errors.New(text)
				}
				return nil
			}
			return map[string]error{"node1": failed(&node), "node2": nil}, failed(&gateway)
		}
		gateway.Store("refused")
		v := serveAs(t, memory, stub{}, func(o *lifecycle.Options) { o.Probe, o.ProbeInterval = probe, 5*time.Second })
		const serving, notServing = grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING
		process, conferences := v.watchHealth(t, ""), v.watchHealth(t, "agentconf.v1.ConferenceService")
		process.expect(t, serving)
		conferences.expect(t, notServing)
		v.expectReady(t, http.StatusServiceUnavailable, "not ready: it is starting\n")
		time.Sleep(1500 * time.Millisecond)
		v.expectReady(t, http.StatusServiceUnavailable, "not ready: the CC-Gateway cannot be reached: refused\n")

		gateway.Store("")
		conferences.expect(t, serving)
		v.expectReady(t, http.StatusOK, "ready\n")
		node.Store("reset")
		time.Sleep(7 * time.Second)
		v.expectReady(t, http.StatusOK, "ready; node node1 of the CC-Gateway cannot be reached: reset\n")
		expectMetric(t, v.metrics, `agentconf_gateway_reachable{node=""} 1`)
		expectMetric(t, v.metrics, `agentconf_gateway_reachable{node="node1"} 0`)
		expectMetric(t, v.metrics, `agentconf_gateway_reachable{node="node2"} 1`)

		gateway.Store("refused again")
		conferences.expect(t, notServing)
		expectMetric(t, v.metrics, `agentconf_gateway_reachable{node=""} 0`)
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
		if log := v.log.String(); strings.Count(log, `"msg":"not ready"`) != 2 || strings.Count(log, `"msg":"ready"`) != 1 {
			t.Errorf("log:\n%s", log)
		}
	})
}
