package jsonfront

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/outcome"
)

type watchServer = grpc.ServerStreamingServer[agentconfv1.WatchAgentEventsResponse]

var (
	started = &agentconfv1.WatchAgentEventsResponse{Message: &agentconfv1.WatchAgentEventsResponse_Started{
		Started: &agentconfv1.WatchStarted{LastSequence: 7},
	}}
	event = &agentconfv1.WatchAgentEventsResponse{Message: &agentconfv1.WatchAgentEventsResponse_Event{
		Event: &agentconfv1.AgentEvent{Sequence: 8, EventType: "AgentOther_InService", WorkNo: "1287"},
	}}
	heartbeat = &agentconfv1.WatchAgentEventsResponse{Message: &agentconfv1.WatchAgentEventsResponse_Heartbeat{
		Heartbeat: &agentconfv1.Heartbeat{},
	}}
	newGUID = &agentconfv1.WatchAgentEventsResponse{Message: &agentconfv1.WatchAgentEventsResponse_GuidChanged{
		GuidChanged: &agentconfv1.GuidChanged{Guid: someGUID},
	}}
)

// watch sends a request for server-sent events. It returns when the stream has ended.
func (f *testFront) watch(path string, change func(*http.Request)) recorder {
	return f.send(http.MethodGet, path, "", change)
}

// The stream, byte by byte. A heartbeat is a comment.
func TestServerSentEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFront(stubService{watch: func(_ *agentconfv1.WatchAgentEventsRequest, stream watchServer) error {
			stream.Send(started)
			stream.Send(event)
			stream.Send(heartbeat)
			stream.Send(newGUID)
			stream.Send(event)
			return &outcome.Error{Code: 16, Reason: outcome.SessionEnded.Reason, Outcome: outcome.NotApplied, Text: "ended"}
		}})
		w := f.watch(watchPath, nil)
		for name, want := range map[string]string{
			"Content-Type": eventStream, "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s %q, want %q", name, got, want)
			}
		}
		eventText := "id: 8\ndata: " + string(rest.encode(event.GetEvent())) + "\n\n"
		want := "id: 7\nevent: started\ndata: {\"lastSequence\":\"7\",\"eventsMissing\":false}\n\n" + eventText +
			":\n\n" +
			"event: guid_changed\ndata: {\"guid\":\"" + someGUID + "\"}\n\n" + eventText +
			"event: ended\ndata: {\"code\":16,\"message\":\"ended\",\"details\":[{" +
			`"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SIGN_IN_REQUIRED","domain":"agentconf",` +
			`"metadata":{"outcome":"not_applied"}}]}` + "\n\n"
		if got := w.Body.String(); got != want {
			t.Errorf("stream\n%s\nwant\n%s", got, want)
		}
	})
}

// A stream that is rejected before its first message has an error like any other.
func TestServerSentEventsAreRejected(t *testing.T) {
	f := newTestFront(stubService{watch: func(*agentconfv1.WatchAgentEventsRequest, watchServer) error {
		return outcome.MissingGUID("watchAgentEvents")
	}})
	w := f.watch(watchPath, nil)
	if w.Code != http.StatusUnauthorized || w.Header().Get("Content-Type") != "application/json" ||
		reasonOf(t, w.Body.Bytes()) != "GUID_MISSING" {
		t.Errorf("HTTP status %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	f.takeCalls()
	w = f.watch(watchPath, func(r *http.Request) { r.Header.Set("Last-Event-ID", "x") })
	f.checkRejected(t, w, "after_sequence: "+wrongType)
}

// Last-Event-ID is the sequence after which a client resumes, unless the query has one.
// Other operations ignore the header.
func TestLastEventID(t *testing.T) {
	f := newTestFront(stubService{})
	withID := func(r *http.Request) { r.Header.Set("Last-Event-ID", "5") }
	for path, want := range map[string]int64{watchPath: 5, watchPath + "?after_sequence=4": 4} {
		f.watch(path, withID)
		got := f.takeCall(t).request.(*agentconfv1.WatchAgentEventsRequest)
		if got.AfterSequence == nil || got.GetAfterSequence() != want {
			t.Errorf("%s resumes after %v, want %d", path, got.AfterSequence, want)
		}
	}
	if w := f.sendHold(holdREST, withID); w.Code != http.StatusOK {
		t.Errorf("a hold: HTTP status %d, %s", w.Code, w.Body)
	}
	f.takeCall(t)
}

// A client that leaves ends the watch. The bubble of synctest ends only if no goroutine
// is left.
func TestClientLeavesWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watchEnded := false
		f := newTestFront(stubService{watch: func(_ *agentconfv1.WatchAgentEventsRequest, stream watchServer) error {
			stream.Send(started)
			<-stream.Context().Done()
			watchEnded = true
			return stream.Context().Err()
		}})
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, watchPath, nil)
		go f.ServeHTTP(recorder{httptest.NewRecorder()}, r)
		synctest.Wait()
		if watchEnded {
			t.Error("the watch has ended before the client left")
		}
		leave()
		synctest.Wait()
		if !watchEnded {
			t.Error("the watch goes on without a client")
		}
	})
}
