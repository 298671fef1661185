package transport

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// inProcess calls services inside this process, through the same interceptor as
// a gRPC server does, without a socket and without encoding anything. The JSON
// front has it for its connection. Errors keep their type on the way.
type inProcess struct {
	interceptor grpc.UnaryServerInterceptor
	methods     map[string]inProcessMethod // by full name, such as /p.Service/Method
}

type inProcessMethod struct {
	service any
	handle  grpc.MethodHandler
}

func newInProcess(interceptor grpc.UnaryServerInterceptor) *inProcess {
	return &inProcess{interceptor, map[string]inProcessMethod{}}
}

// RegisterService makes the unary methods of a service callable. It is the
// counterpart of grpc.Server's.
func (p *inProcess) RegisterService(desc *grpc.ServiceDesc, service any) {
	for _, m := range desc.Methods {
		p.methods["/"+desc.ServiceName+"/"+m.MethodName] = inProcessMethod{service, m.Handler}
	}
}

// Invoke implements grpc.ClientConnInterface. Options are for wires; there is
// none here.
func (p *inProcess) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	m, ok := p.methods[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "no method %s", method)
	}
	sent, _ := metadata.FromOutgoingContext(ctx)
	ctx = metadata.NewIncomingContext(ctx, sent)
	copyRequest := func(request any) error {
		proto.Merge(request.(proto.Message), args.(proto.Message))
		return nil
	}
	resp, err := m.handle(m.service, ctx, copyRequest, p.interceptor)
	if err != nil {
		return err
	}
	proto.Merge(reply.(proto.Message), resp.(proto.Message))
	return nil
}

// NewStream implements grpc.ClientConnInterface. The contract has no stream yet.
func (p *inProcess) NewStream(_ context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Errorf(codes.Unimplemented, "no stream %s", method)
}
