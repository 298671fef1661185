// Package inprocess is a gRPC connection without a socket: a
// grpc.ClientConnInterface whose services run in the same process.
package inprocess

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Conn calls the services that are registered with it. A call passes the
// interceptors, as in a gRPC server, but nothing is encoded. The service sees the
// caller's context, so the caller sets incoming metadata. Errors keep their type.
//
// A message is merged into that of the other side, which its generated code has created.
// A header that a unary service sets goes to the grpc.ServerTransportStream of the caller's
// context. Headers of streams, trailers and call options are dropped: the JSON front uses
// none of them.
type Conn struct {
	unary   grpc.UnaryServerInterceptor
	stream  grpc.StreamServerInterceptor
	methods map[string]method // by full name, such as /p.Service/Method
	streams map[string]stream
}

type method struct {
	service any
	handle  grpc.MethodHandler
}

type stream struct {
	service any
	desc    grpc.StreamDesc
}

// New returns a connection without services. Neither interceptor may be nil. The stream
// interceptor must recover from panics, since a stream runs in a goroutine of its own,
// where a panic ends the process.
func New(unary grpc.UnaryServerInterceptor, streamInterceptor grpc.StreamServerInterceptor) *Conn {
	return &Conn{unary, streamInterceptor, map[string]method{}, map[string]stream{}}
}

// RegisterService implements grpc.ServiceRegistrar. It must not be called after the
// first call.
func (c *Conn) RegisterService(desc *grpc.ServiceDesc, service any) {
	for _, m := range desc.Methods {
		c.methods["/"+desc.ServiceName+"/"+m.MethodName] = method{service, m.Handler}
	}
	for _, s := range desc.Streams {
		c.streams["/"+desc.ServiceName+"/"+s.StreamName] = stream{service, s}
	}
}

// Invoke implements grpc.ClientConnInterface. It runs the service on the goroutine of the
// caller, and does not watch ctx: that is up to the service.
func (c *Conn) Invoke(ctx context.Context, fullMethod string, args, reply any, _ ...grpc.CallOption) error {
	m, ok := c.methods[fullMethod]
	if !ok {
		return status.Errorf(codes.Unimplemented, "no method %s", fullMethod)
	}
	copyRequest := func(request any) error {
		proto.Merge(request.(proto.Message), args.(proto.Message))
		return nil
	}
	response, err := m.handle(m.service, ctx, copyRequest, c.unary)
	if err != nil {
		return err
	}
	proto.Merge(reply.(proto.Message), response.(proto.Message))
	return nil
}

// NewStream implements grpc.ClientConnInterface for streams of the server. The
// service runs from CloseSend on.
func (c *Conn) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, fullMethod string, _ ...grpc.CallOption,
) (grpc.ClientStream, error) {
	s, ok := c.streams[fullMethod]
	if !ok || desc.ClientStreams {
		return nil, status.Errorf(codes.Unimplemented, "no server stream %s", fullMethod)
	}
	shared := &pipe{
		ctx: ctx, messages: make(chan proto.Message), begun: make(chan struct{}), ended: make(chan struct{}),
	}
	info := &grpc.StreamServerInfo{FullMethod: fullMethod, IsServerStream: true}
	return &clientStream{shared, func() error {
		return c.stream(s.service, &serverStream{pipe: shared}, info, s.desc.Handler)
	}}, nil
}

// pipe is the state that both ends of a stream share.
type pipe struct {
	ctx      context.Context // the client's
	request  proto.Message
	messages chan proto.Message // unbuffered: a slow client blocks the service
	begun    chan struct{}      // closed by the first message
	ended    chan struct{}      // closed when the service has returned
	err      error              // the service's, once ended is closed
}

// clientStream is the caller's end of a stream.
type clientStream struct {
	*pipe
	serve func() error
}

// SendMsg sets the only request of the stream.
func (c *clientStream) SendMsg(m any) error {
	c.request = m.(proto.Message)
	return nil
}

// CloseSend starts the service, which has its whole request now.
func (c *clientStream) CloseSend() error {
	go func() {
		defer close(c.ended)
		c.err = c.serve()
	}()
	return nil
}

// Header waits for the first message, so that the error of a rejected call is
// returned here.
func (c *clientStream) Header() (metadata.MD, error) {
	select {
	case <-c.begun:
		return nil, nil
	case <-c.ended:
		return nil, c.err
	}
}

// RecvMsg returns the next message, or the error of the service once it has returned, which
// is io.EOF if it has none. No goroutine outlives a stream that is read to its end.
func (c *clientStream) RecvMsg(m any) error {
	select {
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

// Trailer implements grpc.ClientStream; there are no trailers.
func (c *clientStream) Trailer() metadata.MD { return nil }

// Context implements grpc.ClientStream. It is also the context of the service.
func (c *clientStream) Context() context.Context { return c.ctx }

// serverStream is the service's end of a stream.
type serverStream struct {
	*pipe
	begin sync.Once
}

// RecvMsg returns the only request. The generated code of a service calls it once.
func (s *serverStream) RecvMsg(m any) error {
	proto.Merge(m.(proto.Message), s.request)
	return nil
}

// SendMsg fails if the client's context is done, or if the service has returned.
func (s *serverStream) SendMsg(m any) error {
	s.begin.Do(func() { close(s.begun) })
	select {
	case s.messages <- m.(proto.Message):
		return nil
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	case <-s.ended: // by a handler that does not wait for this message
		return io.EOF
	}
}

// Context implements grpc.ServerStream.
func (s *serverStream) Context() context.Context { return s.ctx }

// SetHeader, SendHeader and SetTrailer drop what the service sends.
func (s *serverStream) SetHeader(metadata.MD) error  { return nil }
func (s *serverStream) SendHeader(metadata.MD) error { return nil }
func (s *serverStream) SetTrailer(metadata.MD)       {}
