package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
)

// inConference runs test with agent 1287 in a conference with two phones, 88887946 and 7000.
// A watch of the agent has read all events, and its poll is in flight.
func inConference(t *testing.T, test func(t *testing.T, e *emulated, guid string, w *watcher)) {
	inBubble(t, emulator.Config{JournalEntries: 1 << 20, JournalBytes: 1 << 30}, func(t *testing.T, e *emulated) {
		guid := e.signIn(t, "1287")
		w, _ := e.mustWatch(t, "1287", guid)
		e.call(t, "requestagentconf", "1287", guid, `{"memberNum":4}`)
		w.await(t, "AgentConf_RequestSuccess")
		e.call(t, "batchaddparticipant", "1287", guid, `{"addresses":[{"addressType":"6","address":"88887946"},{"addressType":"6","address":"7000"}]}`)
		for range 2 {
			w.await(t, "AgentConf_ParticipantChanged")
		}
		time.Sleep(time.Second)
		test(t, e, guid, w)
	})
}

// await reads the watch up to the next event of a type.
func (w *watcher) await(t *testing.T, eventType string) *agentconfv1.AgentEvent {
	t.Helper()
	for {
		m, err := w.Recv()
		if err != nil {
			t.Fatalf("got %v, want %s", err, eventType)
		}
		if m.GetEvent().GetEventType() == eventType {
			return m.GetEvent()
		}
	}
}

// hold holds a phone over gRPC, with confirm_within.
func (f *fronts) hold(ctx context.Context, guid, address string, within time.Duration) (*agentconfv1.HoldParticipantResponse, error) {
	return agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(metadata.AppendToOutgoingContext(ctx, "guid", guid),
		&agentconfv1.HoldParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: address, VoicePath: "y:/conf/120/1136287.V3",
			ConfirmWithin: durationpb.New(within),
		})
}

// Every operation with confirm_within returns its event, on every front.
func TestConfirmationReturnsEvent(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		resp, err := e.hold(t.Context(), guid, "88887946", time.Second)
		change := resp.GetEvent().GetParticipantChanged()
		if err != nil || resp.GetRetcode() != "0" || change.GetChangeType() != 5 || change.GetParticipant() != "88887946" {
			t.Errorf("got %v, %v, want a hold of 88887946", resp, err)
		}
		if watched := w.await(t, "AgentConf_ParticipantChanged"); watched.GetSequence() != resp.GetEvent().GetSequence() {
			t.Errorf("got the event %v in the response, want that of the watch, %v", resp.GetEvent(), watched)
		}
		const phone = `{"addressType":"6","address":"88887946","confirmWithin":"1s"`
		for _, c := range []struct{ path, body, changeType string }{
			{"/v1/agents/1287/conference:changeParticipantMode", phone + `,"attribute":1}`, `"changeType":3`},
			{"/agentgateway/resource/agentconf/1287/changeparticipantmode", phone + `,"attribute":3}`, `"changeType":4`},
			{"/agentgateway/resource/agentconf/1287/unholdparticipant", phone + `}`, `"changeType":6`},
		} {
			time.Sleep(time.Second)
			httpStatus, _, body := e.send(t, "POST", c.path, func(r *http.Request) {
				r.Header.Set("Guid", guid)
				setBody(r, c.body)
			})
			body = bytes.ReplaceAll(body, []byte(" "), nil)
			if httpStatus != http.StatusOK || !bytes.Contains(body, []byte(c.changeType)) || !bytes.Contains(body, []byte(`"retcode":"0"`)) {
				t.Errorf("%s: got HTTP status %d, %s, want 200, %s", c.path, httpStatus, body, c.changeType)
			}
		}
	})
}

// setBody replaces the body of a request.
func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

// An event of another change does not confirm a call. The event of the call's own change
// does, and its failure is the result of the call.
func TestConfirmationMatchesEvent(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		e.replaceInResponses(`"changeType":5`, `"changeType":6`)
		_, err := e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.DeadlineExceeded, "NOT_CONFIRMED", "unknown")
		e.replaceInResponses(`"result":0`, `"result":1`)
		_, err = e.hold(t.Context(), guid, "7000", time.Second)
		checkError(t, err, codes.FailedPrecondition, "OPERATION_FAILED", "not_applied")
	})
}

// replaceInResponses replaces text in the gateway's responses, and returns after the poll in
// flight has ended.
func (e *emulated) replaceInResponses(old, new string) {
	e.tampered(func(w http.ResponseWriter, r *http.Request) bool {
		response := httptest.NewRecorder()
		e.emulator.Handler().ServeHTTP(response, r)
		w.Write(bytes.ReplaceAll(response.Body.Bytes(), []byte(old), []byte(new)))
		return true
	})
	time.Sleep(15 * time.Second)
}

// Without its event within confirm_within, a call ends with the outcome unknown. The watch
// still delivers the late event.
func TestConfirmationTimesOut(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		late := emulator.Fault{Events: "delay", Delay: 5 * time.Second, EventType: "AgentConf_ParticipantChanged"}
		if err := e.emulator.SetFault(late); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.DeadlineExceeded, "NOT_CONFIRMED", "unknown")
		if got := time.Since(start); got < time.Second || got > 2*time.Second {
			t.Errorf("got a wait of %v, want 1s to 2s", got)
		}
		if change := w.await(t, "AgentConf_ParticipantChanged").GetParticipantChanged(); change.GetChangeType() != 5 {
			t.Errorf("got the late event %v, want change type 5", change)
		}
	})
}

// If the caller's deadline ends before confirm_within, the JSON fronts report the deadline.
// A gRPC client reports its deadline itself.
func TestDeadlineBeforeConfirmation(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		for path, want := range map[string]int{
			"/v1/agents/1287/conference:holdParticipant":                  http.StatusGatewayTimeout,
			"/agentgateway/resource/agentconf/1287/changeparticipantmode": http.StatusGatewayTimeout,
		} {
			if err := e.emulator.SetFault(emulator.Fault{Events: "lose"}); err != nil {
				t.Fatal(err)
			}
			httpStatus, _, body := e.send(t, "POST", path, func(r *http.Request) {
				r.Header.Set("Guid", guid)
				r.Header.Set("Grpc-Timeout", "1S")
				setBody(r, `{"addressType":"6","address":"88887946","voicePath":"y:/conf/120/1136287.V3","confirmWithin":"60s"}`)
				if strings.HasSuffix(path, "mode") {
					setBody(r, `{"addressType":"6","address":"88887946","attribute":1,"confirmWithin":"60s"}`)
				}
			})
			if httpStatus != want || !bytes.Contains(body, []byte("caller's deadline")) {
				t.Errorf("%s: got HTTP status %d, %s, want %d and the caller's deadline", path, httpStatus, body, want)
			}
		}
	})
}

// A call with confirm_within is rejected without a request to the gateway if no watch of its
// agent exists, if the polls of the watch fail, or if its GUID is not that of the watch.
func TestNoEventSource(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		sent := len(e.emulator.Log())
		_, err := e.hold(t.Context(), someGUID, "88887946", time.Second)
		checkError(t, err, codes.FailedPrecondition, "NO_EVENT_SOURCE", "not_applied")

		e.tampered(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
		w.expectFailure(t, "OUTCOME_UNKNOWN", true)
		_, err = e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.FailedPrecondition, "NO_EVENT_SOURCE", "not_applied")
		e.tampered(nil)
		w.expect(t, 0, `{"pollRecovered":{}}`)

		w.leave()
		time.Sleep(time.Second)
		_, err = e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.FailedPrecondition, "NO_EVENT_SOURCE", "not_applied")
		if log := e.emulator.Log(); len(log) != sent {
			t.Errorf("got requests to the gateway, want none: %v", log[sent:])
		}
	})
}

// A call with the previous GUID is confirmed, too: the client may have sent it before the
// watch delivered the new GUID.
func TestConfirmationWithPreviousGUID(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", guid)
		if _, err := agentconfv1.NewSessionServiceClient(e.conn).UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"}); err != nil {
			t.Fatal(err)
		}
		for _, current := range []string{guid, w.nextGUID(t)} {
			phone := map[bool]string{true: "88887946", false: "7000"}[current == guid]
			if _, err := e.hold(t.Context(), current, phone, time.Second); err != nil {
				t.Errorf("%s: got %v, want no error", current, err)
			}
		}
	})
}

// A second call on a participant is rejected while a call on it waits for confirmation, but
// a call on another participant is not. If the session ends, a waiting call ends with the
// outcome unknown.
func TestOverlappingConfirmations(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		if err := e.emulator.SetFault(emulator.Fault{Events: "lose", Count: 10}); err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error, 2)
		for _, phone := range []string{"88887946", "7000"} {
			go func() {
				_, err := e.hold(t.Context(), guid, phone, time.Minute)
				waiting <- err
			}()
		}
		time.Sleep(time.Second)
		sent := len(e.emulator.Log())
		_, err := e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.Aborted, "CONFIRMATION_UNDER_WAY", "not_applied")
		if log := e.emulator.Log(); len(log) != sent {
			t.Errorf("got requests to the gateway, want none: %v", log[sent:])
		}
		w.leave() // the waiting calls keep the poll loop running
		time.Sleep(time.Second)
		e.emulator.ClearFaults()
		e.signIn(t, "1287")
		for range 2 {
			checkError(t, <-waiting, codes.Unknown, "NOT_CONFIRMED", "unknown")
		}
	})
}

// A refusal of the gateway ends the wait at once and permits the next call on the
// participant.
func TestRefusalEndsConfirmation(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		for range 2 {
			if err := e.emulator.SetFault(emulator.Fault{Operation: "holdParticipant", Retcode: "101-002"}); err != nil {
				t.Fatal(err)
			}
			_, err := e.hold(t.Context(), guid, "88887946", time.Minute)
			checkError(t, err, codes.PermissionDenied, "NOT_CHAIRPERSON", "not_applied")
		}
		if _, err := e.hold(t.Context(), guid, "88887946", time.Second); err != nil {
			t.Errorf("after refusals: got %v, want no error", err)
		}
	})
}
