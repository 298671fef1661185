package e2e

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// getAgentEvent polls once for agent 1287.
func (f *fronts) getAgentEvent(ctx context.Context, guid string) (*agentconfv1.PolledEvent, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", guid)
	client := agentconfv1.NewEventServiceClient(f.conn)
	got, err := client.GetAgentEvent(ctx, &agentconfv1.GetAgentEventRequest{AgentId: "1287"})
	return got.GetEvent(), err
}

// readAll returns a channel that receives everything that r sends. A client of events has
// to read all the time, or the service disconnects it.
func readAll(t *testing.T, r io.Reader) <-chan string {
	texts := make(chan string, 1)
	go func() {
		text, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		texts <- string(text)
	}()
	return texts
}

// The gateway hands out an event once. If a poll returns an event during a drain, the
// watches deliver it before they end with STOPPING. Meanwhile the service accepts calls,
// and rejects new watches and polls.
func TestStopLosesNoEvent(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		w, _ := e.mustWatch(t, "1287", guid)
		sse := readAll(t, e.sse(t, "/v1/agents/1287/events", guid, nil).Body)
		time.Sleep(time.Second) // a poll is in flight
		e.stop()
		time.Sleep(5 * time.Second)
		_, _, err := e.watch(t, "1287", guid, nil)
		checkError(t, err, codes.Unavailable, "STOPPING", "not_applied")
		_, err = e.getAgentEvent(t.Context(), guid)
		checkError(t, err, codes.Unavailable, "STOPPING", "not_applied")
		ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", guid)
		if _, err := agentconfv1.NewConferenceServiceClient(e.conn).RequestAgentConf(ctx,
			&agentconfv1.RequestAgentConfRequest{AgentId: "1287", MemberNum: 4}); err != nil {
			t.Error(err)
		}
		w.await(t, "AgentState_Busy") // the first of several; the others stay at the gateway
		checkError(t, w.end(), codes.Unavailable, "STOPPING", "not_applied")
		text := <-sse
		events, end, _ := strings.Cut(text, "event: ended")
		if !strings.Contains(events, "AgentState_Busy") || !strings.Contains(end, "STOPPING") {
			t.Errorf("over JSON: got %s, want AgentState_Busy, then STOPPING", text)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.polls) != 3 {
			t.Errorf("got %d polls, want 3: two for the events of the sign-in, one in flight", len(e.polls))
		}
	})
}

// An event that a poll returns during a drain also reaches the caller of GetAgentEvent.
func TestStopLosesNoPolledEvent(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		expectEvent := func(want string) {
			t.Helper()
			if got, err := e.getAgentEvent(t.Context(), guid); got.GetEventType() != want || err != nil {
				t.Fatalf("got %s, %v, want %s", got.GetEventType(), err, want)
			}
		}
		expectEvent("AgentOther_InService")
		expectEvent("AgentState_Ready")
		time.AfterFunc(time.Second, e.stop)
		time.AfterFunc(9*time.Second, func() { e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`) })
		expectEvent("AgentState_Busy")
	})
}

// A watch whose poller is between two polls ends at once. No further poll begins.
func TestStopBetweenPolls(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		e.tampered(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", http.StatusBadGateway)
			return true
		})
		guid := e.signIn(t, "1287")
		w, _ := e.mustWatch(t, "1287", guid)
		time.Sleep(time.Minute) // the backoff of the poller has grown to 5 s
		start := time.Now()
		e.stop()
		checkError(t, w.end(), codes.Unavailable, "STOPPING", "not_applied")
		if took := time.Since(start); took > 0 {
			t.Errorf("the watch ended after %v, want at once", took)
		}
	})
}

// A call that awaits its confirmation receives it during a drain. If the event does not
// come in time, the call ends with the outcome unknown.
func TestStopWhileConfirming(t *testing.T) {
	const eventType = "AgentConf_ParticipantChanged"
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		beginHold := func(fault emulator.Fault, address string) (result <-chan error) {
			if err := e.emulator.SetFault(fault); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := e.hold(t.Context(), guid, address, time.Minute)
				ended <- err
			}()
			time.Sleep(time.Second)
			return ended
		}
		late := emulator.Fault{Events: "delay", Delay: 12 * time.Second, EventType: eventType}
		confirmed := beginHold(late, "88887946")
		unconfirmed := beginHold(emulator.Fault{Events: "lose", EventType: eventType}, "7000")
		start := time.Now()
		e.stop()
		if err := <-confirmed; err != nil {
			t.Error(err)
		}
		checkError(t, <-unconfirmed, codes.Unknown, "NOT_CONFIRMED", "unknown")
		if took, want := time.Since(start), drainTimeout-2*time.Second; took != want {
			t.Errorf("the service waited for %v, want %v", took, want)
		}
		checkError(t, w.end(), codes.Unavailable, "STOPPING", "not_applied")
	})
}
