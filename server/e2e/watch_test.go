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

// The first two events of every agent, and the events of a conference.
const (
	inService = `{"event":{"sequence":"$1","eventType":"AgentOther_InService","workNo":"1287","inService":{}}}`
	ready     = `{"event":{"sequence":"$2","eventType":"AgentState_Ready","workNo":"1287","ready":{}}}`
	busy      = `{"event":{"sequence":"$3","eventType":"AgentState_Busy","workNo":"1287","busy":{}}}`
	alerting  = `{"event":{"sequence":"$4","eventType":"AgentOther_PhoneAlerting","workNo":"1287","other":null}}`
	offhook   = `{"event":{"sequence":"$5","eventType":"AgentOther_PhoneOffhook","workNo":"1287","other":{"type":"main"}}}`
	joined    = `{"event":{"sequence":"$6","eventType":"AgentConf_SelfJoinResult","workNo":"1287","selfJoinResult":{"confId":"1029888"}}}`
	succeeded = `{"event":{"sequence":"$7","eventType":"AgentConf_RequestSuccess","workNo":"1287","requestSuccess":{"confId":"1029888"}}}`
)

// checkError compares the code of an error, and the reason and outcome of its ErrorInfo.
func checkError(t *testing.T, err error, code codes.Code, reason, outcome string) {
	t.Helper()
	got := ""
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			got = info.GetReason() + " " + info.GetMetadata()["outcome"]
		}
	}
	if status.Code(err) != code || got != reason+" "+outcome {
		t.Errorf("got %v, %s, want %v, %s %s", err, got, code, reason, outcome)
	}
}

// Two watches of an agent share one poll loop, and each delivers every event once, in order.
// The poll loop ends after the last watch.
func TestWatchesSharePollLoop(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		one, started := e.mustWatch(t, "1287", guid)
		first := started.GetLastSequence()
		one.expect(t, first, inService, ready)
		two, started := e.mustWatch(t, "1287", guid)
		if started.GetLastSequence() != first+2 {
			t.Errorf("second watch: got the last sequence %d, want %d", started.GetLastSequence(), first+2)
		}
		time.Sleep(time.Minute)
		e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`)
		one.expect(t, first, busy, alerting, offhook, joined, succeeded)
		two.expect(t, first, busy, alerting, offhook, joined, succeeded)
		one.leave()
		e.call(t, "releaseagentconf", "1287", guid, `{}`)
		if m, err := two.Recv(); err != nil || m.GetEvent().GetSequence() != first+8 {
			t.Errorf("got %v, %v, want sequence %d", m, err, first+8)
		}
		two.leave()
		time.Sleep(time.Minute)

		e.mu.Lock()
		defer e.mu.Unlock()
		for i, p := range e.polls[1:] {
			if pause := p.start.Sub(e.polls[i].end); pause < 200*time.Millisecond || pause > 500*time.Millisecond {
				t.Errorf("poll %d: got a pause of %v before it, want 200ms to 500ms", i+1, pause)
			}
		}
		if last := e.polls[len(e.polls)-1]; time.Since(last.end) < 45*time.Second {
			t.Errorf("got the last poll %v ago, want at least 45s", time.Since(last.end))
		}
	})
}

// A watch with after_sequence delivers the events after that sequence. If the log does not
// keep them all, the watch says so, and delivers those that it keeps.
func TestResumeWatch(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		w, started := e.mustWatch(t, "1287", guid)
		first := started.GetLastSequence()
		w.expect(t, first, inService, ready)
		w.leave()
		e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`)
		time.Sleep(time.Minute) // the poll in flight gets the event

		for read, missed := range [][]string{{inService, ready, busy}, {ready, busy}, {busy}} {
			after := first + int64(read)
			w, started, err := e.watch(t, "1287", guid, &after)
			if err != nil {
				t.Fatal(err)
			}
			if started.GetLastSequence() != after {
				t.Errorf("got the last sequence %d, want %d", started.GetLastSequence(), after)
			}
			w.expect(t, first, missed...)
			w.leave()
		}
		for _, after := range []int64{0, first - 1, first + 100} {
			w := e.missing(t, guid, after)
			if after < first {
				w.expect(t, first, inService, ready, busy)
			}
			w.leave()
		}
		time.Sleep(3 * time.Minute)
		e.missing(t, guid, first+3)
	})
}

// missing starts a watch after a sequence that is not kept.
func (e *emulated) missing(t *testing.T, guid string, after int64) *watcher {
	t.Helper()
	w, started, err := e.watch(t, "1287", guid, &after)
	if err != nil {
		t.Fatal(err)
	}
	if !started.GetEventsMissing() {
		t.Errorf("after sequence %d: got %v, want missing events", after, started)
	}
	return w
}

// An event log keeps a bounded number of bytes: 256 KiB, which is some 230 of these events.
func TestReplayWindowIsBounded(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		e.tampered(endlessEvents)
		w, started := e.mustWatch(t, "1287", someGUID)
		first := started.GetLastSequence()
		for range 1500 {
			if _, err := w.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		for read, missing := range map[int64]bool{0: true, 1200: true, 1300: false, 1499: false} {
			after := first + read
			w, started, err := e.watch(t, "1287", someGUID, &after)
			if err != nil || started.GetEventsMissing() != missing {
				t.Fatalf("after %d events: got %v, %v, want missing events: %t", read, started, err, missing)
			}
			w.leave()
		}
	})
}

// endlessEvents answers every poll with an event of 1 KiB.
func endlessEvents(w http.ResponseWriter, _ *http.Request) bool {
	w.Write([]byte(`{"message":"","retcode":"0","event":{"eventType":"AgentEvent_Hold","workNo":"1287","content":"` + strings.Repeat("x", 1000) + `"}}`))
	return true
}

// A watch whose client does not read delays no other watch. It delivers what the connection
// holds and ends with WATCHER_TOO_SLOW. A client that comes back too late misses events.
func TestSlowWatch(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		e.tampered(endlessEvents)
		slow, started := e.mustWatch(t, "1287", someGUID)
		fast, _ := e.mustWatch(t, "1287", someGUID)
		start := time.Now()
		for range 1000 {
			if _, err := fast.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(start); got > 202*time.Second {
			t.Errorf("got 1000 events in %v, want at most 202s", got)
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
				t.Fatalf("got %v, want sequence %d", m, want)
			}
		}
		if got := want - started.GetLastSequence(); got < 10 || got > 600 {
			t.Errorf("got %d events of the slow watch, want 10 to 600", got)
		}
		e.missing(t, someGUID, want)
	})
}

// A watch delivers the failure of a poll and the next success, and continues. Repeated
// failures have a backoff.
func TestWatchContinuesAfterFailedPolls(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		if err := e.emulator.SetFault(emulator.Fault{Operation: "getAgentEvent", Retcode: "100-007"}); err != nil {
			t.Fatal(err)
		}
		w, started := e.mustWatch(t, "1287", guid)
		w.expectFailure(t, "GATEWAY_EXCEPTION", false)
		w.expect(t, started.GetLastSequence(), `{"pollRecovered":{}}`, inService, ready)
		e.tampered(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
		w.expectFailure(t, "OUTCOME_UNKNOWN", true)
		w.expectFailure(t, "OUTCOME_UNKNOWN", true)
		start := time.Now()
		for range 3 {
			w.expectFailure(t, "OUTCOME_UNKNOWN", true)
		}
		if got := time.Since(start); got < 3*time.Second {
			t.Errorf("got three failed polls within %v, want at least 3s", got)
		}
		e.tampered(nil)
		w.expect(t, 0, `{"pollRecovered":{}}`)
	})
}

// expectFailure compares the next message with a failed poll.
func (w *watcher) expectFailure(t *testing.T, reason string, mayBeLost bool) {
	t.Helper()
	m, err := w.Recv()
	f := m.GetPollFailed()
	if err != nil || f.GetReason() != reason || f.GetEventMayBeLost() != mayBeLost || f.GetMessage() == "" {
		t.Fatalf("got %v, %v, want a failed poll, %s", m, err, reason)
	}
}

// A watch ends with SIGN_IN_REQUIRED if its agent signs out or another sign-in displaces the
// session.
func TestWatchEndsWithTheSession(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		sessions := agentconfv1.NewSessionServiceClient(e.conn)
		for name, signOut := range map[string]func(guid string) error{
			"signed out": func(guid string) error {
				_, err := sessions.Logout(metadata.AppendToOutgoingContext(t.Context(), "guid", guid), &agentconfv1.LogoutRequest{AgentId: "1287"})
				return err
			},
			"displaced through agentconf": func(string) error {
				_, err := sessions.ForceLogin(t.Context(), &agentconfv1.ForceLoginRequest{AgentId: "1287", Phonenum: "4002"})
				return err
			},
			"displaced at the gateway": func(string) error {
				e.signIn(t, "1287")
				return nil
			},
		} {
			guid := e.signIn(t, "1287")
			w, started := e.mustWatch(t, "1287", guid)
			w.expect(t, started.GetLastSequence(), inService, ready)
			time.Sleep(time.Second) // until a poll is in flight
			if err := signOut(guid); err != nil {
				t.Fatal(err)
			}
			last, err := w.Recv()
			if name == "signed out" {
				if last.GetEvent().GetShutdownService().GetLoginTime() == "" {
					t.Errorf("got the last message %v, want a shutdown", last)
				}
				_, err = w.Recv()
			}
			t.Log(name)
			checkError(t, err, codes.Unauthenticated, "SIGN_IN_REQUIRED", "not_applied")
			err = e.missing(t, guid, started.GetLastSequence()).end()
			checkError(t, err, codes.Unauthenticated, "SIGN_IN_REQUIRED", "not_applied")
		}
	})
}

// A silent watch delivers a heartbeat every 15 s.
func TestHeartbeat(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		w, started := e.mustWatch(t, "1287", e.signIn(t, "1287"))
		w.expect(t, started.GetLastSequence(), inService, ready)
		for range 3 {
			start := time.Now()
			m, err := w.ServerStreamingClient.Recv()
			if m.GetHeartbeat() == nil || time.Since(start) != 15*time.Second {
				t.Errorf("got %v, %v after %v, want a heartbeat after 15s", m, err, time.Since(start))
			}
		}
	})
}

// If the service stops, a watch ends with UNAVAILABLE and STOPPING.
func TestStopEndsWatches(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		w, _ := e.mustWatch(t, "1287", e.signIn(t, "1287"))
		e.stop()
		err := w.end()
		checkError(t, err, codes.Unavailable, "STOPPING", "not_applied")
	})
}

// A watch ends with the deadline of its caller.
func TestWatchTimesOut(t *testing.T) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		status, _, body := e.send(t, "GET", "/v1/agents/1287/events", func(r *http.Request) {
			r.Header = http.Header{"Guid": {guid}, "Grpc-Timeout": {"3S"}}
		})
		if status != http.StatusOK || !strings.Contains(string(body), "WATCH_TIMED_OUT") {
			t.Errorf("got HTTP status %d, %s, want 200, WATCH_TIMED_OUT", status, body)
		}
	})
}
