package e2e

import (
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

// The gateway hands out an event once. One that it hands out while the service stops
// still reaches those who watch, before they are told to reconnect. Until then their
// calls are taken, but no watch and no poll.
func TestStopLosesNoEvent(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		w, _ := e.mustWatch(t, "1287", guid)
		sse := e.sse(t, "/v1/agents/1287/events", guid, nil)
		type read struct {
			text []byte
			err  error
		}
		told := make(chan read, 1)
		go func() { // all the time, as one who does not is cut off
			text, err := io.ReadAll(sse.Body)
			told <- read{text, err}
		}()
		time.Sleep(time.Second) // a poll is under way
		e.stop()
		time.Sleep(5 * time.Second)
		_, _, err := e.watch(t, "1287", guid, nil)
		checkError(t, err, codes.Unavailable, "STOPPING", "not_applied")
		ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", guid)
		_, err = agentconfv1.NewEventServiceClient(e.conn).GetAgentEvent(ctx, &agentconfv1.GetAgentEventRequest{AgentId: "1287"})
		checkError(t, err, codes.Unavailable, "STOPPING", "not_applied")
		if _, err := agentconfv1.NewConferenceServiceClient(e.conn).RequestAgentConf(ctx,
			&agentconfv1.RequestAgentConfRequest{AgentId: "1287", MemberNum: 4}); err != nil {
			t.Error(err)
		}
		w.await(t, "AgentState_Busy") // the first of several; the others stay at the gateway
		checkError(t, w.end(), codes.Unavailable, "STOPPING", "not_applied")
		got := <-told
		if event, end, _ := strings.Cut(string(got.text), "event: ended"); got.err != nil ||
			!strings.Contains(event, "AgentState_Busy") || !strings.Contains(end, "STOPPING") {
			t.Errorf("over JSON: %v, %s", got.err, got.text)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.polls) != 3 {
			t.Errorf("%d polls, want two that found the sign-in and one that was under way", len(e.polls))
		}
	})
}

// So does one that a program gets which polls by itself.
func TestStopLosesNoPolledEvent(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		poll := func() (string, error) {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", guid)
			got, err := agentconfv1.NewEventServiceClient(e.conn).GetAgentEvent(ctx, &agentconfv1.GetAgentEventRequest{AgentId: "1287"})
			return got.GetEvent().GetEventType(), err
		}
		for _, signedIn := range []string{"AgentOther_InService", "AgentState_Ready"} {
			if event, err := poll(); event != signedIn || err != nil {
				t.Fatal(event, err)
			}
		}
		time.AfterFunc(time.Second, e.stop)
		time.AfterFunc(9*time.Second, func() { e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`) })
		if event, err := poll(); event != "AgentState_Busy" || err != nil {
			t.Errorf("%s, %v", event, err)
		}
	})
}

// A watch for which nothing is under way ends at once, and none begins any more.
func TestStopBetweenPolls(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		e.tampered(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", http.StatusBadGateway)
			return true
		})
		guid := e.signIn(t, "1287")
		w, _ := e.mustWatch(t, "1287", guid)
		time.Sleep(time.Minute) // the pauses are 5 s now
		start := time.Now()
		e.stop()
		checkError(t, w.end(), codes.Unavailable, "STOPPING", "not_applied")
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v", took)
		}
	})
}

// A call that awaits its event gets it while the service stops, and is told the truth
// if it does not come in time.
func TestStopWhileConfirming(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		late := emulator.Fault{Events: "delay", Delay: 12 * time.Second, EventType: "AgentConf_ParticipantChanged"}
		if err := e.emulator.SetFault(late); err != nil {
			t.Fatal(err)
		}
		confirmed, unconfirmed := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := e.hold(t.Context(), guid, "88887946", time.Minute)
			confirmed <- err
		}()
		time.Sleep(time.Second)
		if err := e.emulator.SetFault(emulator.Fault{Events: "lose", EventType: "AgentConf_ParticipantChanged"}); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := e.hold(t.Context(), guid, "7000", time.Minute)
			unconfirmed <- err
		}()
		time.Sleep(time.Second)
		start := time.Now()
		e.stop()
		if err := <-confirmed; err != nil {
			t.Error(err)
		}
		checkError(t, <-unconfirmed, codes.Unknown, "NOT_CONFIRMED", "unknown")
		if took := time.Since(start); took != drainTimeout-2*time.Second {
			t.Errorf("the service waited for %v", took)
		}
		checkError(t, w.end(), codes.Unavailable, "STOPPING", "not_applied")
	})
}
