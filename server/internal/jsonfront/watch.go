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

// keepAlive is the time after which a silent stream of server-sent events gets a
// comment. Proxies commonly close a connection that is idle for a minute.
const keepAlive = 15 * time.Second

// watchStream is the stream behind server-sent events.
type watchStream struct {
	grpc.ClientStream
	pending chan received // result of a receive that has not been returned yet
}

type received struct {
	message proto.Message
	err     error
}

// SendMsg implements grpc.ClientStream. The generated code has bound the path before.
func (s *watchStream) SendMsg(m any) error {
	in := inboundOf(s.Context())
	in.resumeWatch()
	if err := in.bindQuery(s.Context(), m.(proto.Message)); err != nil {
		return err
	}
	return s.ClientStream.SendMsg(m)
}

// RecvMsg implements grpc.ClientStream. It leaves m empty if no message has come for 15 s,
// so that its caller writes a comment. The receive that goes on then delivers its message
// to a later RecvMsg.
func (s *watchStream) RecvMsg(m any) error {
	message := m.(proto.Message)
	if s.pending == nil {
		s.pending = make(chan received, 1)
		go s.receive(message.ProtoReflect().New().Interface(), s.pending)
	}
	silence := time.NewTimer(keepAlive)
	defer silence.Stop()
	select {
	case <-silence.C:
		return nil
	case next := <-s.pending:
		s.pending = nil
		proto.Merge(message, next.message)
		return next.err
	}
}

// receive ends at the latest when the context of the stream is done.
func (s *watchStream) receive(message proto.Message, result chan<- received) {
	err := s.ClientStream.RecvMsg(message)
	result <- received{message, err}
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
	case nil:
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
