package conference_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"agentconf/conformance"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/events"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/servicetest"
)

const confirmedHold = `{` + phone + `,` + voicePath + `,"confirmWithin":"10s"}`

// A confirmed call returns with the event that shows its effect.
func TestConfirmedCalls(t *testing.T) {
	for name, test := range map[string]struct {
		rpc, request string
		change       events.Change
	}{
		"hold":   {"HoldParticipant", confirmedHold, events.Held},
		"unhold": {"UnholdParticipant", `{` + phone + `,"confirmWithin":"1s"}`, events.Unheld},
		"mute":   {"ChangeParticipantMode", `{` + phone + `,"attribute":1,"confirmWithin":"1s"}`, events.Muted},
		"unmute": {"ChangeParticipantMode", `{` + phone + `,"attribute":3,"confirmWithin":"1s"}`, events.Unmuted},
	} {
		watched(t, func(t *testing.T, f *fixture) {
			f.script(conformance.DocumentedReply, changed(test.change, 0))
			resp, err := f.call(servicetest.Context(t), test.rpc, test.request)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			event := resp.(interface {
				GetEvent() *agentconfv1.AgentEvent
			}).GetEvent()
			if event.GetParticipantChanged().GetChangeType() != int32(test.change) {
				t.Errorf("%s: event %v", name, event)
			}
		})
	}
}

// A confirmed call beyond the rate limit is not sent, and leaves no confirmation behind. The
// polls of the watch do not count.
func TestConfirmedCallBeyondRate(t *testing.T) {
	watchedWith(t, 1, func(t *testing.T, f *fixture) {
		for range 2 {
			f.script(conformance.DocumentedReply, changed(events.Held, 0))
			if _, err := f.call(servicetest.Context(t), "HoldParticipant", confirmedHold); err != nil {
				t.Fatal(err)
			}
			_, err := f.call(servicetest.Context(t), "HoldParticipant", confirmedHold)
			servicetest.CheckError(t, err, outcome.AgentRateExceeded)
			if sent := f.sent(); len(sent) != 1 {
				t.Errorf("sent %v, want one request", sent)
			}
			time.Sleep(time.Second)
		}
	})
}

// A call without confirm_within does not wait.
func TestUnconfirmedCall(t *testing.T) {
	watched(t, func(t *testing.T, f *fixture) {
		start := time.Now()
		resp, err := f.call(servicetest.Context(t), "HoldParticipant", `{`+phone+`,`+voicePath+`}`)
		if err != nil || resp.(*agentconfv1.HoldParticipantResponse).GetEvent() != nil || time.Since(start) > 0 {
			t.Errorf("%v, %v after %v", resp, err, time.Since(start))
		}
	})
}

// If no event confirms a call that the gateway accepted, the error names the cause.
func TestNotConfirmed(t *testing.T) {
	cancelled := func(cancel context.CancelFunc, _ *fixture) { cancel() }
	ended := func(_ context.CancelFunc, f *fixture) { f.events.EndSession("1287") }
	for _, test := range []struct {
		event  string
		during func(context.CancelFunc, *fixture) // happens a second after the start of the call
		limit  time.Duration                      // of the caller
		want   outcome.Kind
		text   string
	}{
		{"", nil, time.Hour, outcome.EventTimedOut, "its event did not come in time"},
		{changed(events.Unheld, 0), nil, time.Hour, outcome.EventTimedOut, "its event did not come in time"},
		{changed(events.Held, 7), nil, time.Hour, outcome.OperationFailed, "its event says that it failed (result 7)"},
		{"", nil, time.Second, outcome.EventTimedOut, "its event did not come before the caller's deadline"},
		{"", cancelled, time.Hour, outcome.EventAbandoned, "the caller cancelled before its event came"},
		{"", ended, time.Hour, outcome.EventLost, "the agent was signed out before its event came"},
	} {
		watched(t, func(t *testing.T, f *fixture) {
			f.script(conformance.DocumentedReply, test.event)
			ctx, cancel := context.WithTimeout(servicetest.Context(t), test.limit)
			defer cancel()
			if test.during != nil {
				time.AfterFunc(time.Second, func() { test.during(cancel, f) })
			}
			_, err := f.call(ctx, "HoldParticipant", confirmedHold)
			e := servicetest.CheckError(t, err, test.want)
			if !strings.Contains(e.Text, "the CC-Gateway accepted it") || !strings.Contains(e.Text, test.text) {
				t.Errorf("text %s, want %s", e.Text, test.text)
			}
		})
	}
}

// Nothing is sent if no event could confirm the call: without a watch, and during the
// drain.
func TestNoEventSource(t *testing.T) {
	f := newFixture(t)
	_, err := f.call(servicetest.Context(t), "HoldParticipant", confirmedHold)
	servicetest.CheckError(t, err, outcome.NoEventSource)
	f.events.Stop(time.Minute)
	_, err = f.call(servicetest.Context(t), "HoldParticipant", confirmedHold)
	servicetest.CheckError(t, err, outcome.Stopping)
	if sent := f.sent(); len(sent) > 0 {
		t.Errorf("the gateway received %v", sent)
	}
	_, err = f.call(t.Context(), "HoldParticipant", confirmedHold)
	servicetest.CheckError(t, err, outcome.GUIDMissing)
}

// Nothing is sent while another call waits for an event of the same participant.
func TestConfirmationUnderWay(t *testing.T) {
	watched(t, func(t *testing.T, f *fixture) {
		ended := make(chan error, 1)
		go func() {
			_, err := f.call(servicetest.Context(t), "HoldParticipant", confirmedHold)
			ended <- err
		}()
		synctest.Wait()
		_, err := f.call(servicetest.Context(t), "UnholdParticipant", `{`+phone+`,"confirmWithin":"1s"}`)
		servicetest.CheckError(t, err, outcome.ConfirmationUnderWay)
		servicetest.CheckError(t, <-ended, outcome.EventTimedOut)
		if sent := f.sent(); len(sent) != 1 {
			t.Errorf("the gateway received %v, want the first call", sent)
		}
	})
}

// A call that the gateway refuses does not wait, and the next call on the participant
// can be confirmed.
func TestRefusedCall(t *testing.T) {
	watched(t, func(t *testing.T, f *fixture) {
		notChairperson := outcome.Kind{Code: codes.PermissionDenied, Reason: "NOT_CHAIRPERSON", Outcome: outcome.NotApplied}
		f.script(`{"retcode":"101-002"}`, "")
		for range 2 {
			start := time.Now()
			_, err := f.call(servicetest.Context(t), "HoldParticipant", confirmedHold)
			servicetest.CheckError(t, err, notChairperson)
			if took := time.Since(start); took > 0 {
				t.Errorf("the call took %v", took)
			}
		}
	})
}
