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

// inConference runs test with agent 1287 in a conference with the phone 88887946,
// and watched: a poll is under way, and all events so far are read.
func inConference(t *testing.T, test func(t *testing.T, e *emulated, guid string, w *watcher)) {
	inBubble(t, emulator.Config{}, func(t *testing.T, e *emulated) {
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

// await reads up to the next event of a type.
func (w *watcher) await(t *testing.T, eventType string) *agentconfv1.AgentEvent {
	t.Helper()
	for {
		m, err := w.Recv()
		if err != nil {
			t.Fatalf("%v, want %s", err, eventType)
		}
		if m.GetEvent().GetEventType() == eventType {
			return m.GetEvent()
		}
	}
}

func (f *fronts) hold(ctx context.Context, guid, address string, within time.Duration) (*agentconfv1.HoldParticipantResponse, error) {
	return agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(metadata.AppendToOutgoingContext(ctx, "guid", guid),
		&agentconfv1.HoldParticipantRequest{
			AgentId: "1287", AddressType: "6", Address: address, VoicePath: "y:/conf/120/1136287.V3",
			ConfirmWithin: durationpb.New(within),
		})
}

// Each of the calls that can be confirmed returns with its event, on every front.
func TestConfirmed(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		resp, err := e.hold(t.Context(), guid, "88887946", time.Second)
		change := resp.GetEvent().GetParticipantChanged()
		if err != nil || resp.GetRetcode() != "0" || change.GetChangeType() != 5 || change.GetParticipant() != "88887946" {
			t.Errorf("%v, %v", resp, err)
		}
		if seen := w.await(t, "AgentConf_ParticipantChanged"); seen.GetSequence() != resp.GetEvent().GetSequence() {
			t.Errorf("the watcher saw %v, the caller %v", seen, resp.GetEvent())
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
				t.Errorf("%s: HTTP status %d, %s", c.path, httpStatus, body)
			}
		}
	})
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

// What an event says of another change or another participant confirms nothing,
// and what it says of the right one counts, even if that is that it failed.
func TestConfirmedByTheRightEvent(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		e.changeAnswers(`"changeType":5`, `"changeType":6`)
		_, err := e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.DeadlineExceeded, "NOT_CONFIRMED", "unknown")
		e.changeAnswers(`"result":0`, `"result":1`)
		_, err = e.hold(t.Context(), guid, "7000", time.Second)
		checkError(t, err, codes.FailedPrecondition, "OPERATION_FAILED", "not_applied")
	})
}

// changeAnswers makes the gateway say something else once the poll under way is
// over.
func (e *emulated) changeAnswers(old, new string) {
	e.tampered(func(w http.ResponseWriter, r *http.Request) bool {
		answer := httptest.NewRecorder()
		e.emulator.Handler().ServeHTTP(answer, r)
		w.Write(bytes.ReplaceAll(answer.Body.Bytes(), []byte(old), []byte(new)))
		return true
	})
	time.Sleep(15 * time.Second)
}

// Silence says nothing, and the event still reaches who watches.
func TestNotConfirmed(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		late := emulator.Fault{Events: "delay", Delay: 5 * time.Second, EventType: "AgentConf_ParticipantChanged"}
		if err := e.emulator.SetFault(late); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, err := e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.DeadlineExceeded, "NOT_CONFIRMED", "unknown")
		if took := time.Since(begun); took < time.Second || took > 2*time.Second {
			t.Errorf("waited for %v", took)
		}
		if change := w.await(t, "AgentConf_ParticipantChanged").GetParticipantChanged(); change.GetChangeType() != 5 {
			t.Errorf("late event %v", change)
		}
	})
}

// The caller's own deadline may come first. Over JSON the service tells of it; a
// gRPC client does so by itself.
func TestNotConfirmedBeforeTheDeadline(t *testing.T) {
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
				t.Errorf("%s: HTTP status %d, %s", path, httpStatus, body)
			}
		}
	})
}

// Without a watch nothing is sent; neither is it while the watch gets no answers,
// or for somebody else's GUID.
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
			t.Errorf("the gateway was asked: %v", log[sent:])
		}
	})
}

// A GUID that has just been replaced still confirms: a call may be on its way when
// the watcher is told the new one.
func TestConfirmedAcrossANewGUID(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", guid)
		if _, err := agentconfv1.NewSessionServiceClient(e.conn).UpdateGuid(ctx, &agentconfv1.UpdateGuidRequest{AgentId: "1287"}); err != nil {
			t.Fatal(err)
		}
		for _, current := range []string{guid, w.nextGUID(t)} {
			phone := map[bool]string{true: "88887946", false: "7000"}[current == guid]
			if _, err := e.hold(t.Context(), current, phone, time.Second); err != nil {
				t.Error(err)
			}
		}
	})
}

// Two calls on one participant cannot both be confirmed, on two they can; and a
// call that waits is told when its watch ends.
func TestOverlappingConfirmations(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		if err := e.emulator.SetFault(emulator.Fault{Events: "lose", Count: 10}); err != nil {
			t.Fatal(err)
		}
		first := make(chan error, 2)
		for _, phone := range []string{"88887946", "7000"} {
			go func() {
				_, err := e.hold(t.Context(), guid, phone, time.Minute)
				first <- err
			}()
		}
		time.Sleep(time.Second)
		sent := len(e.emulator.Log())
		_, err := e.hold(t.Context(), guid, "88887946", time.Second)
		checkError(t, err, codes.Aborted, "CONFIRMATION_UNDER_WAY", "not_applied")
		if log := e.emulator.Log(); len(log) != sent {
			t.Errorf("the gateway was asked: %v", log[sent:])
		}
		w.leave() // which does not end the wait
		time.Sleep(time.Second)
		e.emulator.ClearFaults()
		e.signIn(t, "1287")
		for range 2 {
			checkError(t, <-first, codes.Unknown, "NOT_CONFIRMED", "unknown")
		}
	})
}

// A refusal of the gateway ends the wait at once, and frees the participant.
func TestRefusedBeforeConfirmed(t *testing.T) {
	inConference(t, func(t *testing.T, e *emulated, guid string, w *watcher) {
		for range 2 {
			if err := e.emulator.SetFault(emulator.Fault{Operation: "holdParticipant", Retcode: "101-002"}); err != nil {
				t.Fatal(err)
			}
			_, err := e.hold(t.Context(), guid, "88887946", time.Minute)
			checkError(t, err, codes.PermissionDenied, "NOT_CHAIRPERSON", "not_applied")
		}
		if _, err := e.hold(t.Context(), guid, "88887946", time.Second); err != nil {
			t.Error(err)
		}
	})
}
