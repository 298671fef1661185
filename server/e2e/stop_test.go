package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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

// A stream that would go on for ever is told to go elsewhere: one of health, one of
// reflection, and one whose request does not come.
func TestStopEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serve(t, stub{})
		var streams []grpc.ClientStream
		for _, method := range []string{
			grpc_health_v1.Health_Watch_FullMethodName,
			grpc_reflection_v1.ServerReflection_ServerReflectionInfo_FullMethodName,
			agentconfv1.EventService_WatchAgentEvents_FullMethodName,
		} {
			stream, err := v.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
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
		v.stop()
		for i, stream := range streams {
			var err error
			for err == nil { // past what health has said
				err = stream.RecvMsg(&grpc_health_v1.HealthCheckResponse{})
			}
			if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "reconnect") {
				t.Errorf("stream %d: %v", i, err)
			}
		}
		if err := <-v.ended; err != nil || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// Between the order to stop and the end calls are taken, and whoever asks is told not
// to send any.
func TestDrainDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serveAs(t, memory, stub{hold: func(context.Context) error { return nil }}, func(o *lifecycle.Options) { o.DrainDelay = 5 * time.Second })
		health := v.watchHealth(t, "")
		health.expect(t, grpc_health_v1.HealthCheckResponse_SERVING)
		start := time.Now()
		v.stop()
		health.expect(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
		v.expectReady(t, http.StatusServiceUnavailable, "not ready: it is stopping\n")
		time.Sleep(4 * time.Second)
		if httpStatus, err := v.holdJSON(t.Context()); httpStatus != http.StatusOK || err != nil {
			t.Errorf("over JSON: HTTP status %d, %v", httpStatus, err)
		}
		if err := v.holdGRPC(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-v.ended; err != nil || time.Since(start) < 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		v.expectReady(t, http.StatusServiceUnavailable, "not ready: it is stopping\n")
		if conn, err := v.dialHTTP(t.Context()); err == nil {
			conn.Close()
			t.Error("a call was taken after the end")
		}
	})
}

// A kept HTTP connection is closed by an answer that says so, since a request may be
// on its way; one that is not used is closed after a second.
func TestStopClosesKeptConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serve(t, stub{hold: func(context.Context) error { return nil }})
		busy, idle := v.keepHTTP(t), v.keepHTTP(t)
		if busy.hold(t).Close || idle.hold(t).Close {
			t.Error("a connection was not kept")
		}
		v.stop()
		time.Sleep(900 * time.Millisecond)
		if resp := busy.hold(t); resp.StatusCode != http.StatusOK || !resp.Close {
			t.Errorf("HTTP status %d, close %v", resp.StatusCode, resp.Close)
		}
		start := time.Now()
		for _, c := range []*keptConn{busy, idle} {
			if _, err := c.reader.ReadByte(); err != io.EOF {
				t.Errorf("the connection ended with %v", err)
			}
		}
		if err := <-v.ended; err != nil || time.Since(start) > 200*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// keptConn is an HTTP connection.
type keptConn struct {
	net.Conn
	reader *bufio.Reader
}

func (v *fronts) keepHTTP(t *testing.T) *keptConn {
	t.Helper()
	conn, err := v.dialHTTP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &keptConn{conn, bufio.NewReader(conn)}
}

func (c *keptConn) hold(t *testing.T) *http.Response {
	t.Helper()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: agentconf.test\r\nContent-Length: 2\r\n\r\n{}", holdV1)
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp
}

// Calls in flight may end; then Serve returns.
func TestStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 2)
		v := serve(t, stub{hold: func(context.Context) error {
			started <- struct{}{}
			time.Sleep(5 * time.Second)
			return nil
		}})
		ended := make(chan error, 2)
		go func() { ended <- v.holdGRPC(context.Background()) }()
		go func() {
			httpStatus, err := v.holdJSON(context.Background())
			if httpStatus != http.StatusOK {
				err = errors.Join(err, errors.New("not OK"))
			}
			ended <- err
		}()
		<-started
		<-started
		start := time.Now()
		v.stop()
		if err := errors.Join(<-ended, <-ended, <-v.ended); err != nil || time.Since(start) > 6*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A call that does not end is cut off.
func TestStopCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 2)
		v := serve(t, stub{hold: func(ctx context.Context) error {
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}})
		ended := make(chan error, 2)
		go func() { ended <- v.holdGRPC(context.Background()) }()
		go func() {
			httpStatus, err := v.holdJSON(context.Background())
			if err == nil && httpStatus != http.StatusOK {
				err = errors.New("not OK")
			}
			ended <- err
		}()
		<-started
		<-started
		start := time.Now()
		v.stop()
		err := <-v.ended
		if err == nil || time.Since(start) != drainTimeout {
			t.Errorf("%v after %v, want an error after %v", err, time.Since(start), drainTimeout)
		}
		for range 2 {
			if <-ended == nil {
				t.Error("a call that was cut off succeeded")
			}
		}
	})
}

// A front that ends before its time takes the other one with it.
func TestListenerFails(t *testing.T) {
	grpcListener, _ := listenTCP(t)
	httpListener, _ := listenTCP(t)
	httpListener.Close()
	options := harness.Options(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	err := app.Front(options, stub{}.services()).Serve(t.Context(), grpcListener, httpListener)
	if err == nil {
		t.Error("no error")
	}
	if conn, err := net.Dial("tcp", grpcListener.Addr().String()); err == nil {
		conn.Close()
		t.Error("the gRPC listener is still open")
	}
}
