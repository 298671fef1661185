package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
)

const (
	// DefaultDrainTimeout leaves a poll the 10 s that it may take at the gateway, and
	// its answer as much time as that of any call.
	DefaultDrainTimeout = 20 * time.Second

	// AbortMargin is the part of the drain timeout in which aborted calls return their
	// error.
	AbortMargin = 2 * time.Second

	// idleCloseGrace is how long idle HTTP connections are closed by an answer that says
	// so. A connection that the server closes by itself may have a request in flight,
	// whose outcome its caller will never know.
	idleCloseGrace = time.Second

	// unreadGrace is how long gRPC clients may take to read the rest of their replies. A
	// client that takes nothing would otherwise hold a stop up, though its calls have ended.
	unreadGrace = 2 * time.Second

	// acceptGrace is how long connections in the accept queue may take to be accepted.
	acceptGrace = 50 * time.Millisecond
)

// Serve accepts calls on both listeners until ctx is done, and then drains: the server
// is not ready; after the drain delay it closes the listeners, and lets watches and
// then calls end, within the drain timeout.
func (s *Server) Serve(ctx context.Context, grpcListener, httpListener net.Listener) error {
	ended := make(chan error, 2)
	grpcReserving := reservingListener{grpcListener, s.options.Descriptors, portGRPC}
	httpReserving := reservingListener{httpListener, s.options.Descriptors, portJSON}
	go func() { ended <- s.grpc.Serve(grpcReserving) }()
	go func() { ended <- s.serveHTTP(writeDeadlineListener{httpReserving, s.http.ReadTimeout}) }()
	stopProbing := s.startProbing(ctx)
	var err error
	select {
	case <-ctx.Done():
		s.readiness.stop()
		select {
		case <-time.After(s.options.DrainDelay):
		case err = <-ended:
		}
	case err = <-ended: // a listener has failed
		s.readiness.stop()
	}
	stopProbing()
	return errors.Join(err, s.drain(grpcListener, httpListener))
}

// startProbing starts the probes, if there is an interval, and returns the function
// that ends them.
func (s *Server) startProbing(ctx context.Context) (stop func()) {
	if s.options.ProbeInterval == 0 {
		s.readiness.begin()
		return func() {}
	}
	var probing sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	probing.Go(func() { s.readiness.probeLoop(ctx, s.options.Probe, s.options.Ask, s.options.ProbeInterval) })
	return func() {
		cancel()
		probing.Wait()
	}
}

// drain closes the listeners, then rejects new calls, and drains both fronts in parallel.
// On connections that are open, calls are accepted until StopServices returns. It returns
// an error if calls were aborted.
func (s *Server) drain(grpcListener, httpListener net.Listener) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.DrainTimeout)
	defer cancel()
	closeQuietly(grpcListener, httpListener)
	s.options.StopServices(s.options.DrainTimeout - AbortMargin)
	grpcDone := make(chan struct{})
	go func() {
		defer close(grpcDone)
		s.grpc.GracefulStop()
	}()
	s.endStreams()
	err := s.drainHTTP(ctx)
	if err = errors.Join(err, s.awaitGRPC(ctx, grpcDone)); err == nil {
		return nil
	}
	calls, watches := s.InFlight()
	s.http.Close()
	s.grpc.Stop()
	<-grpcDone
	return fmt.Errorf("%d calls and %d watches were in flight when the drain timeout passed; they were aborted",
		calls, watches)
}

// awaitGRPC waits until gRPC has stopped. It closes the connections if no call has run for
// unreadGrace, and returns an error if ctx ends while one runs.
func (s *Server) awaitGRPC(ctx context.Context, stopped <-chan struct{}) error {
	tick := time.NewTicker(unreadGrace / 20)
	defer tick.Stop()
	for busy := time.Now(); ; {
		select {
		case <-stopped:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			if s.grpcCalls.Load() > 0 {
				busy = now
			} else if now.Sub(busy) >= unreadGrace {
				s.grpc.Stop()
			}
		}
	}
}

// countUnary counts the calls that run.
func (s *Server) countUnary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	s.grpcCalls.Add(1)
	defer s.grpcCalls.Add(-1)
	return s.options.Unary(ctx, req, info, handler)
}

// drainHTTP closes idle connections and waits until the calls on the others have ended. It
// returns an error if ctx ends first.
func (s *Server) drainHTTP(ctx context.Context) error {
	for end := time.Now().Add(idleCloseGrace); s.httpConns.Load() > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.http.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil // any other error says that the listener is closed
}

func (s *Server) serveHTTP(l net.Listener) error {
	if s.http.TLSConfig == nil {
		return s.http.Serve(l)
	}
	return s.http.ServeTLS(l, "", "") // TLSConfig has the certificates
}

// closeWhenDraining makes next close its connections when the server drains.
func (s *Server) closeWhenDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// countConns counts the open connections of the JSON port; Shutdown does not report them.
func (s *Server) countConns(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.httpConns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.httpConns.Add(-1)
	}
}

// endWhenDraining ends a stream when the server drains. A stream of the contract ends
// by itself once its request has arrived; any other, such as reflection, ends at once.
func (s *Server) endWhenDraining(
	service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler,
) error {
	s.grpcCalls.Add(1)
	defer s.grpcCalls.Add(-1)
	ctx := stream.Context()
	if _, ok := s.contract[strings.TrimPrefix(path.Dir(info.FullMethod), "/")]; ok {
		return handler(service, &drainingStream{stream, ctx, s.draining, s.options.Guard})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	err := handler(service, &drainingStream{stream, ctx, s.draining, s.options.Guard})
	if s.draining.Err() != nil {
		return outcome.Stop()
	}
	return err
}

// drainingStream is a stream that receives nothing once the server drains.
type drainingStream struct {
	grpc.ServerStream
	ctx, draining context.Context
	guard         *telemetry.Guard
}

// Context implements grpc.ServerStream.
func (s *drainingStream) Context() context.Context { return s.ctx }

// RecvMsg returns when the server drains, even if the client has sent nothing. The
// goroutine that still receives ends with the stream.
func (s *drainingStream) RecvMsg(m any) error {
	received := make(chan error, 1)
	go func() {
		var err error
		defer func() { received <- err }()
		defer s.guard.RecoverTo(&err, "receive")
		err = s.ServerStream.RecvMsg(m)
	}()
	select {
	case err := <-received:
		return err
	case <-s.draining.Done():
		return outcome.Stop()
	}
}
