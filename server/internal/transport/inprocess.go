package transport

import (
	"context"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// keepAlive is how long a stream may be silent. Proxies commonly give up after a
// minute.
const keepAlive = 15 * time.Second

// inProcess calls services inside this process, through the same interceptors as
// a gRPC server does, without a socket and without encoding anything. The JSON
// front has it for its connection. The caller's context is the one that the service
// sees, so metadata is incoming from the beginning. Errors keep their type on the way.
type inProcess struct {
	unary   grpc.UnaryServerInterceptor
	stream  grpc.StreamServerInterceptor
	methods map[string]inProcessMethod // by full name, such as /p.Service/Method
	streams map[string]inProcessStream
}

type inProcessMethod struct {
	service any
	handle  grpc.MethodHandler
}

type inProcessStream struct {
	service any
	desc    grpc.StreamDesc
}

func newInProcess(unary grpc.UnaryServerInterceptor, stream grpc.StreamServerInterceptor) *inProcess {
	return &inProcess{unary, stream, map[string]inProcessMethod{}, map[string]inProcessStream{}}
}

// RegisterService makes the methods of a service callable. It is the counterpart
// of grpc.Server's.
func (p *inProcess) RegisterService(desc *grpc.ServiceDesc, service any) {
	for _, m := range desc.Methods {
		p.methods["/"+desc.ServiceName+"/"+m.MethodName] = inProcessMethod{service, m.Handler}
	}
	for _, s := range desc.Streams {
		p.streams["/"+desc.ServiceName+"/"+s.StreamName] = inProcessStream{service, s}
	}
}

// Invoke implements grpc.ClientConnInterface. Options are for wires; there is
// none here.
func (p *inProcess) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	m, ok := p.methods[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "no method %s", method)
	}
	copyRequest := func(request any) error {
		proto.Merge(request.(proto.Message), args.(proto.Message))
		return nil
	}
	resp, err := m.handle(m.service, ctx, copyRequest, p.unary)
	if err != nil {
		return err
	}
	proto.Merge(reply.(proto.Message), resp.(proto.Message))
	return nil
}

// NewStream implements grpc.ClientConnInterface, for streams of the server.
func (p *inProcess) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	s, ok := p.streams[method]
	if !ok || desc.ClientStreams {
		return nil, status.Errorf(codes.Unimplemented, "no stream %s", method)
	}
	return &clientStream{pipe: &pipe{
		ctx: ctx, messages: make(chan proto.Message), begun: make(chan struct{}), ended: make(chan struct{}),
	}, run: func(server grpc.ServerStream) error {
		return p.stream(s.service, server, &grpc.StreamServerInfo{FullMethod: method, IsServerStream: true}, s.desc.Handler)
	}}, nil
}

// pipe is what both ends of a stream share.
type pipe struct {
	ctx      context.Context // the client's
	request  proto.Message
	messages chan proto.Message // not buffered: a slow client slows the sender down
	begun    chan struct{}      // closed by the first message
	beginOne sync.Once
	ended    chan struct{}
	err      error // once ended is closed
}

// clientStream is a stream as its caller sees it.
type clientStream struct {
	*pipe
	run func(grpc.ServerStream) error
}

func (c *clientStream) SendMsg(m any) error {
	c.request = m.(proto.Message)
	return nil
}

func (c *clientStream) CloseSend() error {
	go func() {
		defer close(c.ended)
		c.err = c.run(&serverStream{c.pipe})
	}()
	return nil
}

// Header waits for the first message, so that a call that is refused fails here,
// before anything is written.
func (c *clientStream) Header() (metadata.MD, error) {
	select {
	case <-c.begun:
		return nil, nil
	case <-c.ended:
		return nil, c.err
	}
}

// RecvMsg leaves m empty if nothing came for a while, so that its caller can show
// that the stream is alive.
func (c *clientStream) RecvMsg(m any) error {
	quiet := time.NewTimer(keepAlive)
	defer quiet.Stop()
	select {
	case <-quiet.C:
		return nil
	case sent := <-c.messages:
		proto.Merge(m.(proto.Message), sent)
		return nil
	case <-c.ended:
	}
	if c.err == nil {
		return io.EOF
	}
	return c.err
}

func (c *clientStream) Trailer() metadata.MD     { return nil }
func (c *clientStream) Context() context.Context { return c.ctx }

// serverStream is the same stream as the service sees it.
type serverStream struct{ *pipe }

func (s *serverStream) RecvMsg(m any) error {
	proto.Merge(m.(proto.Message), s.request)
	return nil
}

func (s *serverStream) SendMsg(m any) error {
	s.beginOne.Do(func() { close(s.begun) })
	select {
	case s.messages <- m.(proto.Message):
		return nil
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

func (s *serverStream) Context() context.Context     { return s.ctx }
func (s *serverStream) SetHeader(metadata.MD) error  { return nil }
func (s *serverStream) SendHeader(metadata.MD) error { return nil }
func (s *serverStream) SetTrailer(metadata.MD)       {}
