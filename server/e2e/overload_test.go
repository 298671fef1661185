package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Calls beyond the limit are refused at once on both fronts, and everything is
// counted.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		v := serve(t, stub{hold: func(context.Context) error { <-end; return nil }})
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
		expectMetric(t, v.metrics, fmt.Sprintf("agentconf_calls_in_flight %d", maxInFlight))
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
		expectMetric(t, v.metrics, "agentconf_calls_in_flight 0")
		expectMetric(t, v.metrics, fmt.Sprintf("grpc_server_started_total{%s %d", hold, maxInFlight+2))
		expectMetric(t, v.metrics, fmt.Sprintf(`grpc_server_handled_total{grpc_code="OK",%s %d`, hold, maxInFlight))
		expectMetric(t, v.metrics, `grpc_server_handled_total{grpc_code="ResourceExhausted",`+hold+" 2")
		expectMetric(t, v.metrics, fmt.Sprintf("grpc_server_handling_seconds_count{%s %d", hold, maxInFlight+2))
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}

// Calls for one agent beyond its rate are refused until the second is over, and those
// for others are not.
func TestAgentRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serve(t, stub{hold: func(context.Context) error { return nil }})
		for second := range 3 {
			for n := range agentRate + 2 {
				want := codes.OK
				if n >= agentRate {
					want = codes.ResourceExhausted
				}
				if err := v.holdGRPC(context.Background()); status.Code(err) != want {
					t.Errorf("second %d, call %d: %v", second, n, err)
				}
			}
			checkError(t, v.holdGRPC(context.Background()), codes.ResourceExhausted, "AGENT_RATE_EXCEEDED", "not_applied")
			if httpStatus, err := v.holdJSON(context.Background()); httpStatus != http.StatusTooManyRequests || err != nil {
				t.Errorf("over JSON: HTTP status %d, %v", httpStatus, err)
			}
			if err := v.holdBy(context.Background(), "1288"); err != nil {
				t.Errorf("of another agent: %v", err)
			}
			time.Sleep(time.Second)
		}
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}
