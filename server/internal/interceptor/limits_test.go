package interceptor_test

import (
	"context"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

// block starts calls that stay in flight until release is called.
func (f *fixture) block(t *testing.T, calls int) (release func()) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan error, calls)
	for range calls {
		go func() {
			_, err := f.hold(t.Context(), func(context.Context, any) (any, error) {
				<-end
				return nil, nil
			})
			ended <- err
		}()
	}
	synctest.Wait()
	return func() {
		close(end)
		for range calls {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
}

// Calls beyond the limit are rejected at once, and calls after the end of others are
// accepted. Watches do not count.
func TestCallsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(interceptor.Options{MaxInFlight: 3})
		release := f.block(t, 3)
		servicetest.CheckMetrics(t, f.metrics, "agentconf_calls_in_flight 3")
		for range 2 {
			_, err := f.hold(t.Context(), func(context.Context, any) (any, error) {
				t.Error("a call beyond the limit is handled")
				return nil, nil
			})
			if e := servicetest.CheckError(t, err, outcome.Overloaded); e.RetryAfter == 0 {
				t.Error("the error has no RetryAfter")
			}
		}
		checkFields(t, f.log.take(t)[1], map[string]any{"reason": "OVERLOADED", "agent": "1287"})
		if err := f.watch(newStream(t), receives(nil)); err != nil {
			t.Errorf("a watch: %v", err)
		}
		release()
		f.hold(t.Context(), func(context.Context, any) (any, error) { panic("a panic is an end") })
		servicetest.CheckMetrics(t, f.metrics, "agentconf_calls_in_flight 0")
		f.block(t, 3)()
	})
}

// A watch in flight takes no place of a call.
func TestWatchesAreNotInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(interceptor.Options{MaxInFlight: 1})
		for range 2 {
			err := f.watch(newStream(t), func(service any, s grpc.ServerStream) error {
				servicetest.CheckMetrics(t, f.metrics, "agentconf_calls_in_flight 0")
				return receives(nil)(service, s)
			})
			if err != nil {
				t.Error(err)
			}
		}
		if _, err := f.hold(t.Context(), returns(nil)); err != nil {
			t.Error(err)
		}
	})
}
