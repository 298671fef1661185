package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"agentconf/conformance"
	"agentconf/server/internal/app"
)

// A connection has at most 250 calls in flight. The client queues further calls.
func TestStreamsOfOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		end := make(chan struct{})
		f := serve(t, stub{hold: func(context.Context) error {
			running.Add(1)
			<-end
			return nil
		}})
		f.awaitSettings(t)
		const limit = 250
		results := make(chan error, limit+1)
		for range limit + 1 {
			go func() { results <- f.holdGRPC(context.Background()) }()
		}
		synctest.Wait()
		if got := running.Load(); got != limit {
			t.Errorf("got %d calls in flight, want %d", got, limit)
		}
		close(end)
		for range limit + 1 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		f.stopCleanly(t)
	})
}

// Calls over the limit of calls in flight are rejected at once on both fronts. Metrics
// count all calls.
func TestOverload(t *testing.T) {
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		f := serve(t, stub{hold: func(context.Context) error { <-end; return nil }})
		results := make(chan error, maxInFlight)
		for range maxInFlight / 2 {
			go func() { results <- f.holdGRPC(ctx) }()
			go func() { results <- f.holdOverJSON(ctx) }()
		}
		synctest.Wait()
		expectMetric(t, f.metrics, fmt.Sprintf("agentconf_calls_in_flight %d", maxInFlight))
		checkError(t, f.holdGRPC(ctx), codes.ResourceExhausted, "OVERLOADED", "not_applied")
		if httpStatus, err := f.holdJSON(ctx); err != nil || httpStatus != http.StatusTooManyRequests {
			t.Errorf("over JSON: HTTP status %d, %v, want 429", httpStatus, err)
		}
		close(end)
		for range maxInFlight {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		const hold = `grpc_method="HoldParticipant",grpc_service="agentconf.v1.ConferenceService",grpc_type="unary"}`
		expectMetric(t, f.metrics, "agentconf_calls_in_flight 0")
		expectMetric(t, f.metrics, fmt.Sprintf("grpc_server_started_total{%s %d", hold, maxInFlight+2))
		expectMetric(t, f.metrics, fmt.Sprintf(`grpc_server_handled_total{grpc_code="OK",%s %d`, hold, maxInFlight))
		expectMetric(t, f.metrics, `grpc_server_handled_total{grpc_code="ResourceExhausted",`+hold+" 2")
		expectMetric(t, f.metrics, fmt.Sprintf("grpc_server_handling_seconds_count{%s %d", hold, maxInFlight+2))
		f.stopCleanly(t)
	})
}

// Calls with one GUID over the rate are rejected on both fronts until the second has passed.
// Calls with another GUID of the same agent are not, and an invented GUID takes none from it.
func TestAgentRate(t *testing.T) {
	const rate = 20
	synctest.Test(t, func(t *testing.T) {
		l, dial := memory.http(t)
		gateway := conformance.NewGateway(l)
		t.Cleanup(gateway.Stop)
		f := newChangedFronts(t, memory, dial, func(o *app.Options) { o.Operation.AgentRate = rate })
		lawful, stray := withGUID(t.Context()), metadata.AppendToOutgoingContext(t.Context(), "guid", "stray")
		for second := range 3 {
			for n := range rate + 5 {
				want := codes.OK
				if n >= rate {
					want = codes.ResourceExhausted
				}
				if err := f.holdGRPC(stray); status.Code(err) != want {
					t.Errorf("second %d, call %d: got %v, want %v", second, n, err, want)
				}
				if err := f.holdGRPC(t.Context()); status.Code(err) != codes.Unauthenticated {
					t.Errorf("a call without a GUID: %v", err)
				}
			}
			checkError(t, f.holdGRPC(stray), codes.ResourceExhausted, "AGENT_RATE_EXCEEDED", "not_applied")
			httpStatus, _, _ := f.send(t, "POST", holdV1, func(r *http.Request) { r.Header.Set("Guid", "stray") })
			if httpStatus != http.StatusTooManyRequests {
				t.Errorf("over JSON: HTTP status %d, want 429", httpStatus)
			}
			for range rate {
				if err := f.holdGRPC(lawful); err != nil {
					t.Errorf("a call with another GUID: %v", err)
				}
			}
			time.Sleep(time.Second)
		}
		f.end()
	})
}
