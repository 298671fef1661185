package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// The first events of every agent, and what a conference adds to them.
const (
	inService = `{"event":{"sequence":"$1","eventType":"AgentOther_InService","workNo":"1287","inService":{}}}`
	ready     = `{"event":{"sequence":"$2","eventType":"AgentState_Ready","workNo":"1287","ready":{}}}`
	busy      = `{"event":{"sequence":"$3","eventType":"AgentState_Busy","workNo":"1287","busy":{}}}`
	alerting  = `{"event":{"sequence":"$4","eventType":"AgentOther_PhoneAlerting","workNo":"1287","other":null}}`
	offhook   = `{"event":{"sequence":"$5","eventType":"AgentOther_PhoneOffhook","workNo":"1287","other":{"type":"main"}}}`
	joined    = `{"event":{"sequence":"$6","eventType":"AgentConf_SelfJoinResult","workNo":"1287","selfJoinResult":{"confId":"1029888"}}}`
	succeeded = `{"event":{"sequence":"$7","eventType":"AgentConf_RequestSuccess","workNo":"1287","requestSuccess":{"confId":"1029888"}}}`
)

func checkError(t *testing.T, err error, code codes.Code, reason, outcome string) {
	t.Helper()
	got := ""
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			got = info.GetReason() + " " + info.GetMetadata()["outcome"]
		}
	}
	if status.Code(err) != code || got != reason+" "+outcome {
		t.Errorf("%v, %s; want %v, %s %s", err, got, code, reason, outcome)
	}
}

// Two watchers get the same events in order, each once, from one poll.
func TestWatchersShareAPoll(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		one, started := e.mustWatch(t, "1287", guid)
		first := started.GetLastSequence()
		one.expect(t, first, inService, ready)
		two, started := e.mustWatch(t, "1287", guid)
		if started.GetLastSequence() != first+2 {
			t.Errorf("the second watch begins after %d, want %d", started.GetLastSequence(), first+2)
		}
		time.Sleep(time.Minute)
		e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`)
		one.expect(t, first, busy, alerting, offhook, joined, succeeded)
		two.expect(t, first, busy, alerting, offhook, joined, succeeded)
		one.leave()
		e.call(t, "releaseagentconf", "1287", guid, `{}`)
		if m, err := two.Recv(); err != nil || m.GetEvent().GetSequence() != first+8 {
			t.Errorf("%v, %v; want the eighth event", m, err)
		}
		two.leave()
		time.Sleep(time.Minute)

		e.mu.Lock()
		defer e.mu.Unlock()
		for i, p := range e.polls[1:] {
			if pause := p.asked.Sub(e.polls[i].answered); pause < 200*time.Millisecond || pause > 500*time.Millisecond {
				t.Errorf("poll %d came %v after the answer before it", i+1, pause)
			}
		}
		if last := e.polls[len(e.polls)-1]; time.Since(last.answered) < 45*time.Second {
			t.Errorf("polled for nobody, until %v ago", time.Since(last.answered))
		}
	})
}

// A watcher that comes back gets what it missed, or is told that it cannot.
func TestWatchAgain(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		w, started := e.mustWatch(t, "1287", guid)
		first := started.GetLastSequence()
		w.expect(t, first, inService, ready)
		w.leave()
		e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`)
		time.Sleep(time.Minute) // the poll under way has taken the event

		for seen, missed := range [][]string{{inService, ready, busy}, {ready, busy}, {busy}} {
			after := first + int64(seen)
			w, started, err := e.watch(t, "1287", guid, &after)
			if err != nil {
				t.Fatal(err)
			}
			if started.GetLastSequence() != after {
				t.Errorf("begins after %d, want %d", started.GetLastSequence(), after)
			}
			w.expect(t, first, missed...)
			w.leave()
		}
		for _, after := range []int64{0, first - 1, first + 100} {
			_, _, err := e.watch(t, "1287", guid, &after)
			checkError(t, err, codes.OutOfRange, "SEQUENCE_NOT_KEPT", "not_applied")
		}
		time.Sleep(3 * time.Minute)
		after := first + 3
		_, _, err := e.watch(t, "1287", guid, &after)
		checkError(t, err, codes.OutOfRange, "SEQUENCE_NOT_KEPT", "not_applied")
	})
}

// The window of kept events is bounded.
func TestWatchForgets(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		e.tampered(endlessEvents)
		w, started := e.mustWatch(t, "1287", someGUID)
		first := started.GetLastSequence()
		for range 1500 {
			if _, err := w.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		for after, want := range map[int64]codes.Code{first: codes.OutOfRange, first + 499: codes.OutOfRange, first + 500: codes.OK} {
			_, _, err := e.watch(t, "1287", someGUID, &after)
			if status.Code(err) != want {
				t.Errorf("after %d events: %v, want %v", after-first, err, want)
			}
		}
	})
}

// endlessEvents is a gateway that has an event of 1 KiB for every poll.
func endlessEvents(w http.ResponseWriter, _ *http.Request) bool {
	w.Write([]byte(`{"message":"","retcode":"0","event":{"eventType":"AgentEvent_Hold","workNo":"1287","content":"` + strings.Repeat("x", 1000) + `"}}`))
	return true
}

// A watcher that does not read delays nobody, and is told that it was too slow
// after all that it was sent.
func TestSlowWatcher(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		e.tampered(endlessEvents)
		slow, started := e.mustWatch(t, "1287", someGUID)
		fast, _ := e.mustWatch(t, "1287", someGUID)
		begun := time.Now()
		for range 1000 {
			if _, err := fast.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > 202*time.Second {
			t.Errorf("1000 events took %v", took)
		}
		want := started.GetLastSequence()
		for {
			m, err := slow.Recv()
			if err != nil {
				checkError(t, err, codes.ResourceExhausted, "WATCHER_TOO_SLOW", "not_applied")
				break
			}
			want++
			if m.GetEvent().GetSequence() != want {
				t.Fatalf("message %v, want sequence %d", m, want)
			}
		}
		if seen := want - started.GetLastSequence(); seen < 256 || seen > 900 {
			t.Errorf("the slow watcher got %d events", seen)
		}
		if _, _, err := e.watch(t, "1287", someGUID, &want); err != nil {
			t.Errorf("coming back: %v", err)
		}
	})
}

// A GUID that is not the agent's present one shows nothing, whoever watches.
func TestWatchIsRefused(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		other := e.signIn(t, "2002")
		wrong, _ := e.mustWatch(t, "1287", other) // nobody knows yet
		err := wrong.end()
		checkError(t, err, codes.Unauthenticated, "SIGN_IN_REQUIRED", "not_applied")

		w, started := e.mustWatch(t, "1287", guid)
		w.expect(t, started.GetLastSequence(), inService)
		_, _, err = e.watch(t, "1287", other, nil)
		checkError(t, err, codes.Unauthenticated, "GUID_STALE", "not_applied")
		_, _, err = e.watch(t, "1287", "two words", nil)
		checkError(t, err, codes.Unauthenticated, "GUID_MALFORMED", "not_applied")
		_, _, err = e.watch(t, "01287", guid, nil)
		checkError(t, err, codes.InvalidArgument, "INVALID_ARGUMENT", "not_applied")
		w.expect(t, started.GetLastSequence(), ready)
	})
}

// Of two watches that begin with two GUIDs of which neither is known, the one that
// the gateway accepts first goes on, and no event is lost.
func TestWatchWithTwoGUIDs(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		old := e.signIn(t, "1287")
		guid, _ := e.emulator.UpdateGUID("1287", old)
		for range 2 { // nothing is left that would decide at once
			e.emulator.Poll(t.Context(), "1287", guid)
		}
		watchers := map[*watcher]int64{}
		for _, guid := range []string{guid, old} {
			w, started := e.mustWatch(t, "1287", guid)
			watchers[w] = started.GetLastSequence() - 2
		}
		time.Sleep(time.Second)
		e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`)
		refused := make(chan error, 2)
		for w, first := range watchers {
			go func() {
				m, err := w.Recv()
				for n := int64(3); err == nil && n < 7; n++ { // which poll took which of the first two is chance
					if m.GetEvent().GetSequence() != first+n {
						t.Errorf("message %v, want sequence %d", m, first+n)
					}
					m, err = w.Recv()
				}
				refused <- err
			}()
		}
		one, other := <-refused, <-refused
		if one == nil {
			one, other = other, one
		}
		checkError(t, one, codes.Unauthenticated, "GUID_STALE", "not_applied")
		if other != nil {
			t.Error(other)
		}
	})
}

// A new GUID is a message, whoever caused it, and from then on the one to show.
func TestWatchFollowsTheGUID(t *testing.T) {
	config := emulator.Config{AuthMode: emulator.DynamicGUID, GUIDInterval: time.Minute, GUIDTimeout: 2 * time.Minute}
	inBubble(t, config, func(t *testing.T, e *emulated) {
		first := e.signIn(t, "1287")
		w, started := e.mustWatch(t, "1287", first)
		w.expect(t, started.GetLastSequence(), inService, ready)
		second := w.nextGUID(t)
		_, _, err := e.watch(t, "1287", first, nil)
		checkError(t, err, codes.Unauthenticated, "GUID_STALE", "not_applied")

		// The gateway still takes the old one, and gives a new one for it.
		ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", first)
		updated, err := agentconfv1.NewSessionServiceClient(e.conn).UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
		if err != nil {
			t.Fatal(err)
		}
		third := w.nextGUID(t)
		if third != updated.GetResult().GetGuid() || third == second {
			t.Errorf("GUID %s, want that of UpdateGuid, %s", third, updated.GetResult().GetGuid())
		}
		again, _ := e.mustWatch(t, "1287", third)
		again.leave()

		// A GUID that came when nobody was there to be told.
		w.leave()
		time.Sleep(time.Second)
		ctx = metadata.AppendToOutgoingContext(t.Context(), "guid", third)
		updated, err = agentconfv1.NewSessionServiceClient(e.conn).UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"})
		if err != nil {
			t.Fatal(err)
		}
		w, _ = e.mustWatch(t, "1287", third)
		if got := w.nextGUID(t); got != updated.GetResult().GetGuid() {
			t.Errorf("GUID %s, want that of UpdateGuid, %s", got, updated.GetResult().GetGuid())
		}
		_, _, err = e.watch(t, "1287", third, nil)
		checkError(t, err, codes.Unauthenticated, "GUID_STALE", "not_applied")
	})
}

func (w *watcher) nextGUID(t *testing.T) string {
	t.Helper()
	m, err := w.Recv()
	if err != nil || m.GetGuidChanged().GetGuid() == "" {
		t.Fatalf("%v, %v; want a new GUID", m, err)
	}
	return m.GetGuidChanged().GetGuid()
}

// Polls that fail are messages; the stream goes on.
func TestWatchOutlivesFailedPolls(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		if err := e.emulator.SetFault(emulator.Fault{Operation: "agentEvent", Retcode: "100-007"}); err != nil {
			t.Fatal(err)
		}
		w, started := e.mustWatch(t, "1287", guid)
		w.expectFailure(t, "GATEWAY_EXCEPTION", false)
		w.expect(t, started.GetLastSequence(), `{"pollRecovered":{}}`, inService, ready)
		e.tampered(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
		w.expectFailure(t, "OUTCOME_UNKNOWN", true)
		w.expectFailure(t, "OUTCOME_UNKNOWN", true)
		before := time.Now()
		for range 3 {
			w.expectFailure(t, "OUTCOME_UNKNOWN", true)
		}
		if took := time.Since(before); took < 3*time.Second {
			t.Errorf("three more polls of a failing gateway within %v", took)
		}
		e.tampered(nil)
		w.expect(t, 0, `{"pollRecovered":{}}`)
	})
}

func (w *watcher) expectFailure(t *testing.T, reason string, mayBeLost bool) {
	t.Helper()
	m, err := w.Recv()
	f := m.GetPollFailed()
	if err != nil || f.GetReason() != reason || f.GetEventMayBeLost() != mayBeLost || f.GetMessage() == "" {
		t.Fatalf("%v, %v; want a failed poll, %s", m, err, reason)
	}
}

// A watch ends when its agent is signed out, and says so.
func TestWatchEndsWithTheSession(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		sessions := agentconfv1.NewSessionServiceClient(e.conn)
		for name, signOut := range map[string]func(guid string) error{
			"signed out": func(guid string) error {
				_, err := sessions.Logout(metadata.AppendToOutgoingContext(t.Context(), "guid", guid), &agentconfv1.LogoutRequest{AgentId: "1287"})
				return err
			},
			"displaced, by agentconf": func(string) error {
				_, err := sessions.ForceLogin(t.Context(), &agentconfv1.ForceLoginRequest{AgentId: "1287", Phonenum: "4002"})
				return err
			},
			"displaced, by somebody else": func(string) error {
				e.signIn(t, "1287")
				return nil
			},
		} {
			guid := e.signIn(t, "1287")
			w, started := e.mustWatch(t, "1287", guid)
			w.expect(t, started.GetLastSequence(), inService, ready)
			time.Sleep(time.Second) // a poll is under way
			if err := signOut(guid); err != nil {
				t.Fatal(err)
			}
			last, err := w.Recv()
			if name == "signed out" {
				if last.GetEvent().GetShutdownService().GetLoginTime() == "" {
					t.Errorf("last message %v", last)
				}
				_, err = w.Recv()
			}
			t.Log(name)
			checkError(t, err, codes.Unauthenticated, "SIGN_IN_REQUIRED", "not_applied")
			_, _, err = e.watch(t, "1287", guid, &started.LastSequence)
			checkError(t, err, codes.OutOfRange, "SEQUENCE_NOT_KEPT", "not_applied")
		}
	})
}

// Who is watching when the service stops is told to go elsewhere.
func TestStopEndsWatches(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		w, _ := e.mustWatch(t, "1287", e.signIn(t, "1287"))
		e.stop()
		err := w.end()
		checkError(t, err, codes.Unavailable, "STOPPING", "not_applied")
	})
}

// The caller's own deadline ends a watch, too.
func TestWatchTimesOut(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		status, _, body := e.send(t, "GET", "/v1/agents/1287/events", func(r *http.Request) {
			r.Header = http.Header{"Guid": {guid}, "Grpc-Timeout": {"3S"}}
		})
		if status != http.StatusOK || !strings.Contains(string(body), "WATCH_TIMED_OUT") {
			t.Errorf("HTTP status %d, %s", status, body)
		}
	})
}
