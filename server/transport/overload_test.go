package transport_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"

	"agentconf/server/transport"
)

// Calls beyond the limit are refused at once on both fronts, and everything is
// counted.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		v := serve(t, service{hold: func(context.Context) error { <-end; return nil }})
		ended := make(chan error, maxInFlight)
		for range maxInFlight / 2 {
			go func() { ended <- v.holdGRPC(context.Background()) }()
			go func() {
				httpStatus, err := v.holdJSON(context.Background())
				if err == nil && httpStatus != http.StatusOK {
					err = fmt.Errorf("HTTP status %d", httpStatus)
				}
				ended <- err
			}()
		}
		synctest.Wait()
		v.expectMetric(t, fmt.Sprintf("agentconf_calls_in_flight %d", maxInFlight))
		checkError(t, v.holdGRPC(context.Background()), codes.ResourceExhausted, "OVERLOADED", "not_applied")
		if httpStatus, err := v.holdJSON(context.Background()); err != nil || httpStatus != http.StatusTooManyRequests {
			t.Errorf("HTTP status %d, %v", httpStatus, err)
		}
		close(end)
		for range maxInFlight {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		const hold = `grpc_method="HoldParticipant",grpc_service="agentconf.v1.ConferenceService",grpc_type="unary"}`
		v.expectMetric(t, "agentconf_calls_in_flight 0")
		v.expectMetric(t, fmt.Sprintf("grpc_server_started_total{%s %d", hold, maxInFlight+2))
		v.expectMetric(t, fmt.Sprintf(`grpc_server_handled_total{grpc_code="OK",%s %d`, hold, maxInFlight))
		v.expectMetric(t, `grpc_server_handled_total{grpc_code="ResourceExhausted",`+hold+" 2")
		v.expectMetric(t, fmt.Sprintf("grpc_server_handling_seconds_count{%s %d", hold, maxInFlight+2))
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}

// expectMetric looks for a line of /metrics.
func (v *served) expectMetric(t *testing.T, line string) {
	t.Helper()
	if all := v.allMetrics(); !strings.Contains(all, "\n"+line+"\n") {
		t.Errorf("no %s in\n%s", line, all)
	}
}

// allMetrics is /metrics.
func (v *served) allMetrics() string {
	w := httptest.NewRecorder()
	transport.Admin(v.metrics, new(slog.LevelVar)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}
