package transport_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"agentconf/server/transport"
)

// A stream that would go on for ever is told to go elsewhere.
func TestStopEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serve(t, service{})
		watch, err := grpc_health_v1.NewHealthClient(v.grpc).Watch(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := watch.Recv(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		v.stop()
		if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("error %v", err)
		}
		if err := <-v.ended; err != nil || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// Calls in flight may end; then Serve returns.
func TestStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 2)
		v := serve(t, service{hold: func(context.Context) error {
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
		v := serve(t, service{hold: func(ctx context.Context) error {
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
		if err == nil || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v, want an error after 10s", err, time.Since(start))
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
	err := transport.New(service{}, transport.Config{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}).Serve(t.Context(), grpcListener, httpListener)
	if err == nil {
		t.Error("no error")
	}
	if conn, err := net.Dial("tcp", grpcListener.Addr().String()); err == nil {
		conn.Close()
		t.Error("the gRPC listener is still open")
	}
}
