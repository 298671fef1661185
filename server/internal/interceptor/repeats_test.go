package interceptor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"agentconf/server/internal/interceptor"
	"agentconf/server/internal/outcome"
)

// A client that watches with an old GUID, and tries again every second, has one log record a
// minute. The next one has the number of the others. Other errors are all logged, and every
// one is counted.
func TestRecordsOfStaleClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(interceptor.Options{})
		refused := receives(outcome.GUIDStale.Error("watchAgentEvents", "", nil))
		for range 120 {
			f.watch(newStream(t), refused)
			time.Sleep(time.Second)
		}
		records := f.log.take(t)
		if len(records) != 2 {
			t.Fatalf("%d records of 120 refusals, want 2", len(records))
		}
		checkFields(t, records[0], map[string]any{"rpc.response.status_code": outcome.CodeName(codes.Unauthenticated), "reason": "GUID_STALE", "unlogged": nil})
		checkFields(t, records[1], map[string]any{"reason": "GUID_STALE", "unlogged": 59.0})
		for range 2 {
			f.watch(newStream(t), receives(outcome.Stop()))
		}
		if records := f.log.take(t); len(records) != 2 {
			t.Errorf("%d records of 2 watches that end otherwise, want 2", len(records))
		}
	})
}
