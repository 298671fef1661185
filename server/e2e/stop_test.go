package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/e2e/harness"
	"agentconf/server/internal/app"
	"agentconf/server/internal/lifecycle"
)

// A drain ends open streams with UNAVAILABLE: streams of health and reflection, and a watch
// that has not received its request.
func TestStopEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, stub{})
		var streams []grpc.ClientStream
		for _, method := range []string{
			grpc_health_v1.Health_Watch_FullMethodName,
			grpc_reflection_v1.ServerReflection_ServerReflectionInfo_FullMethodName,
			agentconfv1.EventService_WatchAgentEvents_FullMethodName,
		} {
			desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
			stream, err := f.conn.NewStream(t.Context(), desc, method)
			if err != nil {
				t.Fatal(err)
			}
			streams = append(streams, stream)
		}
		if err := streams[0].SendMsg(&grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		f.stop()
		for i, stream := range streams {
			var err error
			for err == nil { // skips the states of health
				err = stream.RecvMsg(&grpc_health_v1.HealthCheckResponse{})
			}
			if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "reconnect") {
				t.Errorf("stream %d: got %v, want %v with the advice to reconnect", i, err, codes.Unavailable)
			}
		}
		err := <-f.ended
		if took := time.Since(start); err != nil || took > time.Second {
			t.Errorf("Serve: %v after %v, want nil within 1s", err, took)
		}
	})
}

// During the drain delay the service accepts calls. Health and readiness report at once
// that it stops.
func TestDrainDelay(t *testing.T) {
	const delay = 5 * time.Second
	synctest.Test(t, func(t *testing.T) {
		f := serveAs(t, memory, stub{hold: holdOK}, func(o *lifecycle.Options) { o.DrainDelay = delay })
		health := f.watchHealth(t, "")
		health.expect(t, serving)
		start := time.Now()
		f.stop()
		health.expect(t, notServing)
		f.expectReady(t, http.StatusServiceUnavailable, "not ready: the service is stopping\n")
		time.Sleep(delay - time.Second)
		f.expectServed(t, "during the delay", true)
		err := <-f.ended
		if took := time.Since(start); err != nil || took < delay {
			t.Errorf("Serve: %v after %v, want nil after at least %v", err, took, delay)
		}
		f.expectReady(t, http.StatusServiceUnavailable, "not ready: the service is stopping\n")
		if conn, err := f.dialHTTP(t.Context()); err == nil {
			conn.Close()
			t.Error("got a connection after the end, want an error")
		}
	})
}

// During a drain the reply to a request announces that its connection is closed, since the
// client may have sent another request. An idle connection is closed after a second.
func TestStopClosesKeepAliveConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, stub{hold: holdOK})
		busy, idle := f.dialKeepAlive(t), f.dialKeepAlive(t)
		if busy.hold(t).Close || idle.hold(t).Close {
			t.Error("the service closes a connection before it stops")
		}
		f.stop()
		time.Sleep(900 * time.Millisecond)
		if resp := busy.hold(t); resp.StatusCode != http.StatusOK || !resp.Close {
			t.Errorf("HTTP status %d, close %v, want 200 and close", resp.StatusCode, resp.Close)
		}
		start := time.Now()
		for _, c := range []*keepAliveConn{busy, idle} {
			if _, err := c.reader.ReadByte(); err != io.EOF {
				t.Errorf("the connection ended with %v, want %v", err, io.EOF)
			}
		}
		err := <-f.ended
		if took := time.Since(start); err != nil || took > 200*time.Millisecond {
			t.Errorf("Serve: %v after %v, want nil within 200ms", err, took)
		}
	})
}

// keepAliveConn is an HTTP/1.1 connection for several requests.
type keepAliveConn struct {
	net.Conn
	reader *bufio.Reader
}

func (f *fronts) dialKeepAlive(t *testing.T) *keepAliveConn {
	t.Helper()
	conn := f.dial(t, f.dialHTTP)
	return &keepAliveConn{conn, bufio.NewReader(conn)}
}

func (c *keepAliveConn) hold(t *testing.T) *http.Response {
	t.Helper()
	io.WriteString(c, holdHead+"Content-Length: 2\r\n\r\n{}")
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp
}

// beginHolds starts a hold over each front and returns when the service executes both.
func (f *fronts) beginHolds(started <-chan struct{}) (results <-chan error) {
	all := make(chan error, 2)
	go func() { all <- f.holdGRPC(context.Background()) }()
	go func() { all <- f.holdOverJSON(context.Background()) }()
	<-started
	<-started
	return all
}

// A drain waits for the calls in flight.
func TestStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 2)
		f := serve(t, stub{hold: func(context.Context) error {
			started <- struct{}{}
			time.Sleep(5 * time.Second)
			return nil
		}})
		results := f.beginHolds(started)
		start := time.Now()
		f.stop()
		err := errors.Join(<-results, <-results, <-f.ended)
		if took := time.Since(start); err != nil || took > 6*time.Second {
			t.Errorf("got %v after %v, want nil within 6s", err, took)
		}
	})
}

// After the drain timeout the service cuts off calls, and Serve returns an error.
func TestStopCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 2)
		f := serve(t, stub{hold: func(ctx context.Context) error {
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}})
		results := f.beginHolds(started)
		start := time.Now()
		f.stop()
		err := <-f.ended
		if took := time.Since(start); err == nil || took != drainTimeout {
			t.Errorf("Serve: %v after %v, want an error after %v", err, took, drainTimeout)
		}
		for range 2 {
			if <-results == nil {
				t.Error("a call that was cut off: got OK, want an error")
			}
		}
	})
}

// If one front fails, Serve returns an error and closes the listener of the other one.
func TestListenerFails(t *testing.T) {
	grpcListener, _ := listenTCP(t)
	httpListener, _ := listenTCP(t)
	httpListener.Close()
	options := harness.Options(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	err := app.Front(options, stub{}.services()).Serve(t.Context(), grpcListener, httpListener)
	if err == nil {
		t.Error("Serve: got no error")
	}
	if conn, err := net.Dial("tcp", grpcListener.Addr().String()); err == nil {
		conn.Close()
		t.Error("the gRPC listener is open, want it closed")
	}
}
