package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// More calls than one connection may have wait for their turn.
func TestStreamsOfOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		end := make(chan struct{})
		v := serve(t, service{hold: func(context.Context) error {
			running.Add(1)
			<-end
			return nil
		}})
		if err := v.grpcReady(); err != nil { // so that the limit is known
			t.Fatal(err)
		}
		const most = 250
		ended := make(chan error, most+1)
		for range most + 1 {
			go func() { ended <- v.holdGRPC(context.Background()) }()
		}
		synctest.Wait()
		if got := running.Load(); got != most {
			t.Errorf("%d calls at once, want %d", got, most)
		}
		close(end)
		for range most + 1 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}

// A request that is too large never becomes a call.
func TestTooLarge(t *testing.T) {
	called := false
	v := serve(t, service{hold: func(context.Context) error { called = true; return nil }})
	large := strings.Repeat("9", 64<<10)
	_, err := agentconfv1.NewConferenceServiceClient(v.grpc).HoldParticipant(t.Context(), &agentconfv1.HoldParticipantRequest{Address: large})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message over 64 KiB: %v", err)
	}
	if err := v.holdGRPC(metadata.AppendToOutgoingContext(t.Context(), "guid", large)); err == nil {
		t.Error("headers over 16 KiB were taken over gRPC")
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://agentconf.test"+holdV1, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Guid", large)
	resp, err := v.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge || called {
		t.Errorf("headers over 16 KiB over HTTP: HTTP status %d, called: %v", resp.StatusCode, called)
	}
	v.stop()
	if err := <-v.ended; err != nil {
		t.Error(err)
	}
}

// Who sends slowly is not waited for.
func TestSlowSenders(t *testing.T) {
	head := "POST " + holdV1 + " HTTP/1.1\r\nHost: agentconf.test\r\n"
	for name, sent := range map[string]string{
		"header":          head,
		"body":            head + "Content-Length: 2\r\n\r\n{",
		"body of nothing": "POST /nothing HTTP/1.1\r\nHost: agentconf.test\r\nContent-Length: 2\r\n\r\n{",
		"chunk":           head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := serve(t, service{hold: func(context.Context) error { return errors.New("called") }})
				conn, err := v.dialHTTP(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, sent); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				answer, err := io.ReadAll(conn) // until the server hangs up
				if err != nil || time.Since(start) > 6*time.Second || strings.Contains(string(answer), "called") {
					t.Errorf("after %v: %s, %v", time.Since(start), answer, err)
				}
				conn.Close()
				v.stop()
				if err := <-v.ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A gRPC client that has been connected for long is told to connect anew, and an HTTP
// connection that nobody uses is closed.
func TestConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serve(t, service{hold: func(context.Context) error { return nil }})
		dial, dials := v.dialGRPC, 0
		v.dialGRPC = func(ctx context.Context) (net.Conn, error) { dials++; return dial(ctx) }
		idle, err := v.dialHTTP(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(idle, "POST "+holdV1+" HTTP/1.1\r\nHost: agentconf.test\r\nContent-Length: 2\r\n\r\n{}")
		start := time.Now()
		if answer, err := io.ReadAll(idle); err != nil || time.Since(start) != time.Minute {
			t.Errorf("after %v: %s, %v", time.Since(start), answer, err)
		}
		for range 2 {
			if err := v.holdGRPC(context.Background()); err != nil {
				t.Error(err)
			}
			time.Sleep(35 * time.Minute)
		}
		if err := v.holdGRPC(context.Background()); err != nil || dials != 3 {
			t.Errorf("%v, %d connections in 70 minutes", err, dials)
		}
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}
