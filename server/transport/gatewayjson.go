package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// gatewayBody is a response in the gateway's dialect, as it goes out.
type gatewayBody []byte

// inDialect turns a response into the JSON that the gateway would have written,
// on the paths of its dialect. It differs from the JSON of protobuf: 64-bit
// numbers are numbers, and nothing is there that the gateway does not have.
func inDialect(ctx context.Context, response proto.Message) (any, error) {
	if pattern, _ := runtime.HTTPPathPattern(ctx); !strings.HasPrefix(pattern, gatewayRoot) {
		return response, nil
	}
	return gatewayBody(appendMessage(nil, response.ProtoReflect(), header)), nil
}

// header is the field that a response has besides what the gateway's has; in its
// dialect it is the header Set-GUID.
const header = "guid"

func appendMessage(b []byte, m protoreflect.Message, except protoreflect.Name) []byte {
	switch any := m.Interface().(type) {
	case *structpb.Struct, *structpb.Value:
		return appendAny(b, any)
	}
	b = append(b, '{')
	start := len(b)
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Name() == except || f.HasPresence() && !m.Has(f) {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(appendString(b, f.JSONName()), ':')
		if f.IsList() {
			b = appendList(b, f, m.Get(f).List())
		} else {
			b = appendValue(b, f, m.Get(f))
		}
	}
	return append(b, '}')
}

func appendList(b []byte, f protoreflect.FieldDescriptor, list protoreflect.List) []byte {
	b = append(b, '[')
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, f, list.Get(i))
	}
	return append(b, ']')
}

func appendValue(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return appendMessage(b, v.Message(), "")
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	}
	return strconv.AppendInt(b, v.Int(), 10) // the contract has no other kind
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // of a string, there is none
		panic(err)
	}
	return append(b, quoted...)
}

// appendAny writes what the gateway left open. protojson puts blanks into its
// output at random, and some clients compare answers byte by byte.
func appendAny(b []byte, any proto.Message) []byte {
	text, err := protojson.Marshal(any)
	if err != nil { // only for what no JSON was read from
		panic(err)
	}
	out := bytes.NewBuffer(b)
	if err := json.Compact(out, text); err != nil {
		panic(err)
	}
	return out.Bytes()
}
