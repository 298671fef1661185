package transport

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

const eventStream = "text/event-stream"

// StreamContentType implements runtime.StreamContentType: a stream is made of
// server-sent events.
func (*codec) StreamContentType(any) string { return eventStream }

// Delimiter implements runtime.Delimited: an empty line ends a server-sent event.
func (*codec) Delimiter() []byte { return []byte("\n") }

// frame is one server-sent event. Those of the agent have no name, so that they
// reach a browser's onmessage; the others have that of their field. What has a
// sequence has it as its id, with which a client comes back (Last-Event-ID).
func frame(watched *agentconfv1.WatchAgentEventsResponse) written {
	switch told := watched.GetMessage().(type) {
	case nil:
		return written(":\n") // a comment: the stream is alive
	case *agentconfv1.WatchAgentEventsResponse_Event:
		return fields(fmt.Sprintf("id: %d\n", told.Event.GetSequence()), asProtobuf.write(told.Event))
	case *agentconfv1.WatchAgentEventsResponse_Started:
		return fields(fmt.Sprintf("id: %d\nevent: started\n", told.Started.GetLastSequence()), asProtobuf.write(told.Started))
	}
	r := watched.ProtoReflect()
	field := r.WhichOneof(r.Descriptor().Oneofs().Get(0))
	return fields(fmt.Sprintf("event: %s\n", field.Name()), asProtobuf.write(r.Get(field).Message().Interface()))
}

// ending is the last event: the google.rpc.Status that the stream ends with.
func ending(status proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(status)
	return fields("event: ended\n", text), err
}

// fields are those of a server-sent event, data last.
func fields(first string, data []byte) written {
	return slices.Concat([]byte(first), []byte("data: "), data, []byte("\n"))
}

// streamHeader sets, before a stream begins, what keeps others from holding it
// back.
func streamHeader(_ context.Context, w http.ResponseWriter, m proto.Message) error {
	if m == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no") // of nginx
	}
	return nil
}

// resume puts the header with which a client of server-sent events comes back
// where the parameter of the same meaning is.
func resume(r *http.Request) {
	if id := r.Header.Get("Last-Event-ID"); id != "" && !r.URL.Query().Has("after_sequence") {
		query := r.URL.Query()
		query.Set("after_sequence", id)
		r.URL.RawQuery = query.Encode()
	}
}
