package jsonfront

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// dialect is the style of a path: of its JSON, of its errors and of its content type.
type dialect int

const (
	// rest is the dialect of the paths after AIP-136. Requests are strict, errors are
	// google.rpc.Status, and numbers of 64 bits are strings.
	rest dialect = iota

	// gateway is the dialect of the gateway's own paths. Queries are tolerant, errors
	// are envelopes, and replies hold nothing that the gateway's would not hold.
	gateway
)

// gatewayRoot begins every path of the gateway dialect (page 0467).
const gatewayRoot = "/agentgateway/"

// contentTypes has the value of Content-Type of everything but streams. The gateway's
// names the charset: some clients take another than UTF-8 if the header names none.
var contentTypes = [...][]string{
	rest:    {"application/json"},
	gateway: {"application/json;charset=UTF-8"},
}

func dialectOf(path string) dialect {
	if strings.HasPrefix(path, gatewayRoot) {
		return gateway
	}
	return rest
}

// codec decodes bodies and passes on encoded replies. Of the methods that it has from
// JSONPb, the generated code calls only ContentType.
//
// The JSON of JSONPb would fit neither dialect: it inserts blanks at random, leaves
// fields out that are zero, ignores unknown fields, and stops at the first fault.
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

// NewDecoder implements runtime.Marshaler. It needs more of the request than a reader of
// its body, which is therefore the inboundRequest itself.
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

// setReplyHeaders gives a reply the headers that the gateway's would have. reply is nil before
// the first message of a stream, which caches and nginx must not hold back.
func setReplyHeaders(ctx context.Context, w http.ResponseWriter, reply proto.Message) error {
	if reply == nil {
		w.Header().Set("Cache-Control", "no-store, no-transform") // a compressor would hold messages back
		w.Header().Set("X-Accel-Buffering", "no")                 // of nginx
		return nil
	}
	in := inboundOf(ctx)
	in.limitWrite()
	if in.dialect == gateway { // the generated code sets that of rest
		w.Header()["Content-Type"] = contentTypes[gateway]
	}
	if issued, ok := reply.(interface{ GetGuid() string }); ok && issued.GetGuid() != "" {
		setIssuedGUID(w, issued.GetGuid())
	}
	return nil
}

// encodedJSON is a reply as it is written.
type encodedJSON []byte

// issuedGUIDField is the field for a GUID that the gateway has issued. The gateway's
// replies have the header Set-GUID instead.
const issuedGUIDField = "guid"

// encode returns m in JSON. Both dialects write fields that are zero, and no blanks:
// some clients compare replies byte by byte.
func (d dialect) encode(m proto.Message) encodedJSON {
	return d.appendMessage(make([]byte, 0, 256), m.ProtoReflect(), true)
}

// appendMessage appends a message with its fields in the order of the proto. A field with
// presence that is not set is left out: the gateway would not send it.
func (d dialect) appendMessage(b []byte, m protoreflect.Message, isReply bool) []byte {
	switch open := m.Interface().(type) {
	case *structpb.Struct, *structpb.Value:
		return appendOpenValue(b, open)
	case *agentconfv1.PolledEvent:
		if d == gateway { // byte for byte: numbers above 2^53, the order of keys
			return append(b, open.GetRawJson()...)
		}
	}
	b = append(b, '{')
	start := len(b)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.HasPresence() && !m.Has(f) || isReply && d == gateway && f.Name() == issuedGUIDField {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(appendString(b, f.JSONName()), ':')
		if f.IsList() {
			b = d.appendList(b, f, m.Get(f).List())
		} else {
			b = d.appendValue(b, f, m.Get(f))
		}
	}
	return append(b, '}')
}

func (d dialect) appendList(b []byte, f protoreflect.FieldDescriptor, list protoreflect.List) []byte {
	b = append(b, '[')
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = d.appendValue(b, f, list.Get(i))
	}
	return append(b, ']')
}

// appendValue appends a value of one of the kinds that replies of the contract have. By
// the JSON mapping of protobuf, REST has 64 bits as a string; the gateway's confId is a
// number.
func (d dialect) appendValue(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return d.appendMessage(b, v.Message(), false)
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.EnumKind:
		return appendString(b, string(f.Enum().Values().ByNumber(v.Enum()).Name()))
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	case protoreflect.Int64Kind:
		if d == rest {
			return append(strconv.AppendInt(append(b, '"'), v.Int(), 10), '"')
		}
	}
	return strconv.AppendInt(b, v.Int(), 10)
}

// appendString appends s in quotes. Most strings need no escapes.
func appendString(b []byte, s string) []byte {
	if !strings.ContainsFunc(s, needsEscape) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // impossible for a string
		panic(err)
	}
	return append(b, quoted...)
}

func needsEscape(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r)
}

// appendOpenValue appends JSON whose form the contract does not define. An empty object,
// the reserved result of most replies, needs no encoder.
func appendOpenValue(b []byte, m proto.Message) []byte {
	if object, ok := m.(*structpb.Struct); ok && len(object.GetFields()) == 0 {
		return append(b, "{}"...)
	}
	return appendProtoJSON(b, m)
}

// appendProtoJSON appends m as protojson encodes it, without the blanks that protojson
// inserts at random.
func appendProtoJSON(b []byte, m proto.Message) []byte {
	text, err := protojson.Marshal(m)
	if err != nil { // m was not read from JSON, or a detail's type is not linked in
		panic(err)
	}
	out := bytes.NewBuffer(b)
	if err := json.Compact(out, text); err != nil {
		panic(err)
	}
	return out.Bytes()
}
