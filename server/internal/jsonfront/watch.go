package jsonfront

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// eventStream is the content type of server-sent events (WHATWG HTML, section 9.2).
const eventStream = "text/event-stream"

// watchStream is the stream behind server-sent events.
type watchStream struct{ grpc.ClientStream }

// SendMsg implements grpc.ClientStream. The generated code has bound the path before.
func (s watchStream) SendMsg(m any) error {
	in := inboundOf(s.Context())
	in.resumeWatch()
	if err := in.bindQuery(s.Context(), m.(proto.Message)); err != nil {
		return err
	}
	return s.ClientStream.SendMsg(m)
}

// RecvMsg implements grpc.ClientStream. The message that it returns is written next. The
// deadline of that write would end a silent stream, so that the stream has none while it
// waits for a message.
func (s watchStream) RecvMsg(m any) error {
	in := inboundOf(s.Context())
	setWriteDeadline(in.writer, time.Time{})
	err := s.ClientStream.RecvMsg(m)
	in.limitWrite()
	return err
}

// sseEvent is a server-sent event as it is written, without the empty line at its end.
type sseEvent []byte

// newSSEEvent returns an event. head is its fields before data, one a line. data has no
// line break: the encoder writes JSON without blanks, and escapes those of strings.
func newSSEEvent(head string, data []byte) sseEvent {
	return slices.Concat([]byte(head), []byte("data: "), data, []byte("\n"))
}

// newWatchEvent returns a message of a watch as an event. An event of the agent has no
// name, so that it reaches a browser's onmessage. Every other one has the name of its
// field. A sequence becomes the event's ID, which a client returns as Last-Event-ID.
func newWatchEvent(watched *agentconfv1.WatchAgentEventsResponse) sseEvent {
	switch m := watched.GetMessage().(type) {
	case *agentconfv1.WatchAgentEventsResponse_Heartbeat:
		return sseEvent(":\n") // a comment, which keeps the connection alive
	case *agentconfv1.WatchAgentEventsResponse_Event:
		head := fmt.Sprintf("id: %d\n", m.Event.GetSequence())
		return newSSEEvent(head, rest.encode(m.Event))
	case *agentconfv1.WatchAgentEventsResponse_Started:
		head := fmt.Sprintf("id: %d\nevent: started\n", m.Started.GetLastSequence())
		return newSSEEvent(head, rest.encode(m.Started))
	}
	r := watched.ProtoReflect()
	field := r.WhichOneof(r.Descriptor().Oneofs().Get(0))
	head := fmt.Sprintf("event: %s\n", field.Name())
	return newSSEEvent(head, rest.encode(r.Get(field).Message().Interface()))
}

// newEndEvent returns the last event of a stream. Its data is the google.rpc.Status
// that the stream ended with.
func newEndEvent(status proto.Message) sseEvent {
	return newSSEEvent("event: ended\n", appendProtoJSON(nil, status))
}
