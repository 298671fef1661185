package jsonfront

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const eventStream = "text/event-stream"

// sseEvent is a server-sent event as it is written, without the empty line at its end.
type sseEvent []byte

// newSSEEvent returns an event. head is its fields before data, one a line.
func newSSEEvent(head string, data []byte) sseEvent {
	return slices.Concat([]byte(head), []byte("data: "), data, []byte("\n"))
}

// newWatchEvent returns a message of a watch as an event. An event of the agent has no
// name, so that it reaches a browser's onmessage. Every other one has the name of its
// field. A sequence becomes the event's ID, which a client returns as Last-Event-ID.
func newWatchEvent(watched *agentconfv1.WatchAgentEventsResponse) sseEvent {
	switch m := watched.GetMessage().(type) {
	case nil:
		return sseEvent(":\n") // a comment, which keeps the connection alive
	case *agentconfv1.WatchAgentEventsResponse_Event:
		return newSSEEvent(fmt.Sprintf("id: %d\n", m.Event.GetSequence()), rest.encode(m.Event))
	case *agentconfv1.WatchAgentEventsResponse_Started:
		return newSSEEvent(fmt.Sprintf("id: %d\nevent: started\n", m.Started.GetLastSequence()), rest.encode(m.Started))
	}
	r := watched.ProtoReflect()
	field := r.WhichOneof(r.Descriptor().Oneofs().Get(0))
	return newSSEEvent(fmt.Sprintf("event: %s\n", field.Name()), rest.encode(r.Get(field).Message().Interface()))
}

// newEndEvent returns the last event of a stream. Its data is the google.rpc.Status
// that the stream ended with.
func newEndEvent(status proto.Message) sseEvent {
	return newSSEEvent("event: ended\n", appendProtoJSON(nil, status))
}

// setStreamHeaders keeps caches and nginx from holding events back. m is nil before
// the first message of a stream.
func setStreamHeaders(_ context.Context, w http.ResponseWriter, m proto.Message) error {
	if m == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no") // of nginx
	}
	return nil
}
