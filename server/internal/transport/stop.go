package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"agentconf/server/internal/conference"
)

const (
	// DefaultDrainTimeout is that of a Config that has none. A poll takes up to 10 s at
	// the gateway, and its answer as long as that of any call.
	DefaultDrainTimeout = 20 * time.Second

	// LastWords is what calls that are given up have of the drain timeout to say so.
	LastWords = 2 * time.Second

	// lingering is for how long kept HTTP connections are closed by an answer that says
	// so. What is closed without may have a request on its way, of which its caller
	// will never know what became.
	lingering = time.Second

	// settling is for how long connections that have begun may take to be accepted.
	settling = 50 * time.Millisecond
)

// Serve answers on both listeners until ctx is done and then ends in order: it is not
// ready, closes the listeners after the drain delay, and lets watches and then calls
// end, for at most the drain timeout.
func (s *Server) Serve(ctx context.Context, grpcListener, httpListener net.Listener) error {
	ended := make(chan error, 2)
	go func() { ended <- s.grpc.Serve(grpcListener) }()
	go func() { ended <- s.serveHTTP(patientListener{httpListener, s.http.ReadTimeout}) }()
	stopProbing := s.probe(ctx)
	var err error
	select {
	case <-ctx.Done():
		s.ready.end()
		select {
		case <-time.After(s.config.DrainDelay):
		case err = <-ended:
		}
	case err = <-ended: // before its time
		s.ready.end()
	}
	stopProbing()
	return errors.Join(err, s.drain(grpcListener, httpListener))
}

// probe begins to probe, if that is wanted, and returns what ends it.
func (s *Server) probe(ctx context.Context) (stop func()) {
	if s.config.ProbeInterval == 0 {
		s.ready.begin()
		return func() {}
	}
	var probing sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	probing.Go(func() { s.ready.watch(ctx, s.config.Probe, s.config.ProbeInterval) })
	return func() {
		cancel()
		probing.Wait()
	}
}

// drain takes no new connections, then no new calls, and ends both fronts in parallel.
func (s *Server) drain(grpcListener, httpListener net.Listener) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
	defer cancel()
	closeQuietly(grpcListener, httpListener)
	s.service.Stop(s.config.DrainTimeout - LastWords)
	grpcDone := make(chan struct{})
	go func() {
		defer close(grpcDone)
		s.grpc.GracefulStop()
	}()
	s.endStreams()
	err := s.drainHTTP(ctx)
	select {
	case <-grpcDone:
	case <-ctx.Done():
		err = ctx.Err()
		s.grpc.Stop()
		<-grpcDone
	}
	if err != nil {
		return errors.New("calls were still running when the time to drain was over; they were cut off")
	}
	return nil
}

// Listen opens a port. It is none of Multipath TCP, which Go otherwise tries first, and
// for which Linux has no filter that closeQuietly could use.
func Listen(address string) (net.Listener, error) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	return plain.Listen(context.Background(), "tcp", address)
}

// closeQuietly closes listeners after all who had connected are accepted. To close one
// resets those who are not yet, and what they sent is lost. So new ones are ignored
// first; they try again by themselves, after a second, and are refused then.
func closeQuietly(listeners ...net.Listener) {
	ignored := false
	for _, l := range listeners {
		ignored = ignoreNew(l) || ignored
	}
	if ignored {
		time.Sleep(settling)
	}
	for _, l := range listeners {
		l.Close()
	}
}

func (s *Server) drainHTTP(ctx context.Context) error {
	for end := time.Now().Add(lingering); s.httpConns.Load() > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	err := s.http.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		return nil // or that the listener is closed
	}
	s.http.Close()
	return err
}

// closing makes next close its connections when the server drains.
func (s *Server) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) countConns(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.httpConns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.httpConns.Add(-1)
	}
}

// stream ends a stream that could go on for ever when the server drains. Those of the
// contract end by themselves, once their request is there; all others at once.
func (s *Server) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx := stream.Context()
	if _, own := s.own[strings.TrimPrefix(path.Dir(info.FullMethod), "/")]; own {
		return handler(service, &endingStream{stream, ctx, s.draining})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	err := handler(service, &endingStream{stream, ctx, s.draining})
	if s.draining.Err() != nil {
		return conference.Stopping()
	}
	return err
}

// endingStream is a stream that receives nothing any more when the server drains.
type endingStream struct {
	grpc.ServerStream
	ctx, draining context.Context
}

func (s *endingStream) Context() context.Context { return s.ctx }

// RecvMsg leaves behind who still waits for a message. The end of the stream, which
// follows, ends that.
func (s *endingStream) RecvMsg(m any) error {
	came := make(chan error, 1)
	go func() { came <- s.ServerStream.RecvMsg(m) }()
	select {
	case err := <-came:
		return err
	case <-s.draining.Done():
		return conference.Stopping()
	}
}
