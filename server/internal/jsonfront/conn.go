package jsonfront

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// keepAlive is the time after which a silent stream of server-sent events gets a
// comment. Proxies commonly close a connection that is idle for a minute.
const keepAlive = 15 * time.Second

// bindingConn binds the query of a request just before its call. The generated code
// has then bound the body and the path.
type bindingConn struct{ grpc.ClientConnInterface }

func (c bindingConn) Invoke(ctx context.Context, fullMethod string, args, reply any, opts ...grpc.CallOption) error {
	if err := inboundOf(ctx).bindQuery(ctx, args.(proto.Message)); err != nil {
		return err
	}
	return c.ClientConnInterface.Invoke(ctx, fullMethod, args, reply, opts...)
}

func (c bindingConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, fullMethod string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, fullMethod, opts...)
	if err != nil {
		return nil, err
	}
	return &watchStream{ClientStream: stream}, nil
}

// watchStream is the stream behind server-sent events.
type watchStream struct {
	grpc.ClientStream
	pending chan received // result of a receive that has not been returned yet
}

type received struct {
	message proto.Message
	err     error
}

func (s *watchStream) SendMsg(m any) error {
	in := inboundOf(s.Context())
	in.resumeWatch()
	if err := in.bindQuery(s.Context(), m.(proto.Message)); err != nil {
		return err
	}
	return s.ClientStream.SendMsg(m)
}

// RecvMsg leaves m empty if no message has come for 15 s, so that its caller writes a
// comment.
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
