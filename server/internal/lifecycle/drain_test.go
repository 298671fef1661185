package lifecycle

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"agentconf/server/internal/outcome"
)

// The drain has an order: the server is not ready, and still accepts calls for the drain
// delay; then it closes the listeners, stops the services, and lets calls end.
func TestDrain(t *testing.T) {
	serve(t, 10*time.Second, func(t *testing.T, f *serverFixture) {
		if got := f.readyStatus(); got != http.StatusOK {
			t.Errorf("HTTP status %d of a server without probes", got)
		}
		f.stop()
		synctest.Wait()
		if got := f.readyStatus(); got != http.StatusServiceUnavailable {
			t.Errorf("HTTP status %d after the stop", got)
		}
		time.Sleep(drainDelay - time.Second)
		ended := make(chan error, 2)
		go func() { ended <- f.hold(t.Context()) }()
		go func() {
			_, err := f.get(t.Context())
			ended <- err
		}()
		if within := <-f.stopServices; within != drainTimeout-AbortMargin || f.stoppedAfter != drainDelay {
			t.Errorf("StopServices was called after %v with %v", f.stoppedAfter, within)
		}
		for _, l := range []*bufconn.Listener{f.grpcListener, f.httpListener} {
			if conn, err := l.DialContext(t.Context()); err == nil {
				conn.Close()
				t.Error("a listener is open when the services stop")
			}
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("a call in flight: %v", err)
			}
		}
		if err := <-f.served; err != nil {
			t.Error(err)
		}
		if took := time.Since(f.start); took < drainDelay+9*time.Second || took > drainDelay+11*time.Second {
			t.Errorf("the drain took %v, want the time of the calls", took)
		}
	})
}

// Calls that are in flight after the drain timeout are aborted, and Serve returns an error.
func TestDrainTimeout(t *testing.T) {
	serve(t, time.Hour, func(t *testing.T, f *serverFixture) {
		ended := make(chan error, 2)
		go func() { ended <- f.hold(t.Context()) }()
		go func() {
			_, err := f.get(t.Context())
			ended <- err
		}()
		synctest.Wait()
		f.stop()
		if err := <-f.served; err == nil || !strings.HasPrefix(err.Error(), "3 calls and 4 watches were in flight") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(f.start); took != drainDelay+drainTimeout {
			t.Errorf("the drain took %v", took)
		}
		for range 2 {
			if err := <-ended; err == nil {
				t.Error("an aborted call succeeds")
			}
		}
	})
}

// If a listener fails, the server drains without the drain delay and Serve returns the
// error.
func TestListenerFails(t *testing.T) {
	serve(t, 0, func(t *testing.T, f *serverFixture) {
		f.httpListener.Close()
		if err := <-f.served; err == nil {
			t.Error("no error")
		}
		if took := time.Since(f.start); took != 0 || f.readyStatus() != http.StatusServiceUnavailable {
			t.Errorf("the drain took %v, readiness %d", took, f.readyStatus())
		}
	})
}

// A stream that would not end by itself, such as that of health, ends with the drain.
func TestDrainEndsStreams(t *testing.T) {
	serve(t, 0, func(t *testing.T, f *serverFixture) {
		watch, err := grpc_health_v1.NewHealthClient(f.client).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		f.stop()
		for err == nil {
			_, err = watch.Recv()
		}
		if status.Code(err) != codes.Unavailable || err.Error() != status.Error(codes.Unavailable, outcome.Stop().Text).Error() {
			t.Errorf("error %v", err)
		}
		if err := <-f.served; err != nil {
			t.Error(err)
		}
		if took := time.Since(f.start); took != drainDelay {
			t.Errorf("the drain took %v", took)
		}
	})
}

// A stream receives nothing more during the drain, even if its client sends nothing.
func TestDrainingStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		draining, drain := context.WithCancel(t.Context())
		silent := silentStream{end: make(chan struct{})}
		s := &drainingStream{silent, t.Context(), draining, newGuard()}
		received := make(chan error, 1)
		go func() { received <- s.RecvMsg(nil) }()
		synctest.Wait()
		if len(received) > 0 {
			t.Fatal("the stream has received something")
		}
		drain()
		if e, ok := errors.AsType[*outcome.Error](<-received); !ok || e.Reason != outcome.Stopping.Reason {
			t.Errorf("error %v", e)
		}
		close(silent.end)
	})
}

// silentStream is a stream whose client sends nothing before the end.
type silentStream struct {
	grpc.ServerStream
	end chan struct{}
}

func (s silentStream) RecvMsg(any) error {
	<-s.end
	return io.EOF
}

// An answer during the drain closes its connection.
func TestAnswersCloseConnections(t *testing.T) {
	s := &Server{}
	s.draining, s.endStreams = context.WithCancel(t.Context())
	handler := s.closeWhenDraining(http.NotFoundHandler())
	for _, want := range []string{"", "close"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, nil)
		if got := w.Header().Get("Connection"); got != want {
			t.Errorf("header Connection is %q, want %q", got, want)
		}
		s.endStreams()
	}
}
