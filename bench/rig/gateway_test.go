package rig

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// The events before the schedule come at once, those of the schedule in its rhythm. An event
// that is due while there is no poll waits for the next one. A poll without an event ends.
func TestGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &stubGateway{Schedule: Schedule{Every: 15 * time.Second, Hold: 10 * time.Second, Warm: 2}}
		poll := func() (number int64, took time.Duration) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.SetPathValue("agent", "1000")
			r.Header.Set("Guid", GUID)
			w, from := httptest.NewRecorder(), time.Now()
			g.servePoll(w, r)
			var reply struct {
				Event struct{ Content struct{ ConfID int64 } }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil {
				t.Fatal(err)
			}
			return reply.Event.Content.ConfID, time.Since(from)
		}
		for want := range int64(2) {
			if n, took := poll(); n != want+1 || took != 0 {
				t.Errorf("event %d after %v, want %d at once", n, took, want+1)
			}
		}
		for n, took := poll(); n != 3; n, took = poll() {
			if n != 0 || took != 10*time.Second {
				t.Fatalf("event %d after %v, want none after 10s", n, took)
			}
		}
		if n, took := poll(); n != 0 || took != 10*time.Second {
			t.Errorf("event %d after %v, want none after 10s", n, took)
		}
		if n, took := poll(); n != 4 || took != 5*time.Second {
			t.Errorf("event %d after %v, want 4 after 5s", n, took)
		}
		time.Sleep(20 * time.Second)
		if n, took := poll(); n != 5 || took != 0 {
			t.Errorf("event %d after %v, want 5 at once", n, took)
		}
		g.stopped.Store(true)
		for range 2 {
			if n, _ := poll(); n != 0 {
				t.Errorf("event %d of a gateway that has stopped", n)
			}
		}
		if g.events.Load() != 5 {
			t.Errorf("handed out %d events, want 5", g.events.Load())
		}
	})
}

// A poll with another GUID than that of the watches is refused.
func TestGatewayRefusesPoll(t *testing.T) {
	w := httptest.NewRecorder()
	(&stubGateway{}).servePoll(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Body.String(); got != refusedPoll {
		t.Errorf("got %s, want %s", got, refusedPoll)
	}
}
