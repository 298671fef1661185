package jsonfront

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// bindingConn binds the query of a request just before its call. The generated code
// has then bound the body and the path.
type bindingConn struct{ grpc.ClientConnInterface }

// Invoke implements grpc.ClientConnInterface.
func (c bindingConn) Invoke(
	ctx context.Context, fullMethod string, args, reply any, opts ...grpc.CallOption,
) error {
	if err := inboundOf(ctx).bindQuery(ctx, args.(proto.Message)); err != nil {
		return err
	}
	return c.ClientConnInterface.Invoke(ctx, fullMethod, args, reply, opts...)
}

// NewStream implements grpc.ClientConnInterface. The request of a stream does not exist
// yet, so that the stream binds its query.
func (c bindingConn) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, fullMethod string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, fullMethod, opts...)
	if err != nil {
		return nil, err
	}
	return watchStream{stream}, nil
}

// wrongType is the fault of a parameter of the query or of the path.
const wrongType = "has a value of the wrong type in the URL"

// bindQuery sets the fields of m from the query. It returns errRejected if the query is
// malformed, if a parameter is repeated or has the wrong type, on REST if the operation has
// no such parameter, and for any earlier violation of the request.
//
// The generated code has a parser of its own. It runs for some operations only, does
// not know the dialect, and its errors lose their type.
func (in *inboundRequest) bindQuery(ctx context.Context, m proto.Message) error {
	if in.query == "" {
		return in.rejected()
	}
	fields := in.queryFields(ctx, m)
	if in.dialect == gateway && len(fields) == 0 {
		return in.rejected()
	}
	values, err := url.ParseQuery(in.query)
	if err != nil {
		in.addViolation("query", "is not percent-encoded correctly")
		return in.rejected()
	}
	for _, field := range fields {
		in.bindParameter(m, field, takeValues(values, field))
	}
	if in.dialect == rest {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			in.addViolation(identifierOr(name, "query"), "is not a query parameter of this operation")
		}
	}
	return in.rejected()
}

// queryFields returns the fields of m that the query may set. By the rule of HTTP
// bindings, a query sets the fields that neither the path nor the body sets.
func (in *inboundRequest) queryFields(ctx context.Context, m proto.Message) []protoreflect.FieldDescriptor {
	if in.bodyDecoded {
		return nil
	}
	var free []protoreflect.FieldDescriptor
	template, _ := runtime.HTTPPathPattern(ctx)
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); !strings.Contains(template, "{"+f.TextName()+"}") {
			free = append(free, f)
		}
	}
	return free
}

// takeValues removes the values of a field from values and returns them. A parameter
// has the field's name in the proto or in JSON.
func takeValues(values url.Values, field protoreflect.FieldDescriptor) (taken []string) {
	for _, name := range []string{field.TextName(), field.JSONName()} {
		taken = append(taken, values[name]...)
		delete(values, name)
	}
	return taken
}

// bindParameter sets a field of m. The contract has no query parameter that is a list.
func (in *inboundRequest) bindParameter(
	m proto.Message, field protoreflect.FieldDescriptor, values []string,
) {
	switch {
	case len(values) > 1:
		in.addViolation(field.TextName(), "occurs more than once")
	case len(values) == 1 && in.dialect == gateway && isLeftOut(values[0]):
		in.tolerate(leftOut, field.JSONName())
	case len(values) == 1 && runtime.PopulateFieldFromPath(m, field.TextName(), values[0]) != nil:
		in.addViolation(field.TextName(), wrongType)
	}
}

// resumeWatch makes the header Last-Event-ID the parameter after_sequence, unless the
// query has one. A client of server-sent events sends the header when it reconnects.
func (in *inboundRequest) resumeWatch() {
	lastEventID := in.original.Header.Get("Last-Event-ID")
	if lastEventID == "" {
		return
	}
	if values, err := url.ParseQuery(in.query); err == nil && !values.Has("after_sequence") {
		values.Set("after_sequence", lastEventID)
		in.query = values.Encode()
	}
}

// checkPath reports the path parameters whose values are not of their field's type. It
// is for a request that the generated code has rejected without naming the field.
func (in *inboundRequest) checkPath(ctx context.Context, fullMethod, path string) {
	m := newRequestOf(fullMethod)
	template, _ := runtime.HTTPPathPattern(ctx)
	values := strings.Split(path, "/")
	for i, segment := range strings.Split(template, "/") {
		name := strings.Trim(segment, "{}")
		if name != segment && runtime.PopulateFieldFromPath(m, name, values[i]) != nil {
			in.addViolation(name, wrongType)
		}
	}
}

// newRequestOf returns an empty request message of an RPC, given as /package.Service/RPC.
func newRequestOf(fullMethod string) proto.Message {
	name := strings.ReplaceAll(fullMethod[1:], "/", ".")
	method, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil { // the generated code names only RPCs of the contract
		panic(err)
	}
	return dynamicpb.NewMessage(method.(protoreflect.MethodDescriptor).Input())
}
