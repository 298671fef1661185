package jsonfront

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// codec decodes bodies and passes on encoded replies. Of the methods that it has from
// JSONPb, the generated code calls only ContentType.
type codec struct{ runtime.JSONPb }

// Marshal returns the bytes of a reply that encodeReply has encoded, or the last event
// of a stream.
func (*codec) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case encodedJSON:
		return v, nil
	case map[string]any: // a message of a stream, as the generated code wraps it
		return v["result"].(sseEvent), nil
	case map[string]proto.Message: // the error at the end of a stream
		return newEndEvent(v["error"]), nil
	}
	return nil, fmt.Errorf("no JSON of %T", v)
}

func (*codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		return r.(*inboundRequest).decodeBody(v.(proto.Message))
	})
}

// StreamContentType implements runtime.StreamContentType.
func (*codec) StreamContentType(any) string { return eventStream }

// Delimiter implements runtime.Delimited: an empty line ends a server-sent event.
func (*codec) Delimiter() []byte { return []byte("\n") }

// encodeReply encodes a message of a service in the dialect of its request. A message
// of a watch becomes a server-sent event.
func encodeReply(ctx context.Context, reply proto.Message) (any, error) {
	if watched, ok := reply.(*agentconfv1.WatchAgentEventsResponse); ok {
		return newWatchEvent(watched), nil
	}
	return inboundOf(ctx).dialect.encode(reply), nil
}

// setReplyHeaders gives a reply the headers that the gateway's would have. Some clients
// compare the header of a new GUID byte by byte, so it is spelled as the gateway's.
func setReplyHeaders(ctx context.Context, w http.ResponseWriter, reply proto.Message) error {
	if inboundOf(ctx).dialect == gateway {
		w.Header()["Content-Type"] = gatewayContentTypes
	}
	if issued, ok := reply.(interface{ GetGuid() string }); ok && issued.GetGuid() != "" {
		w.Header()["Set-GUID"] = []string{"JSESSIONID=" + issued.GetGuid()}
	}
	return nil
}
