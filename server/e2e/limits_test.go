package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
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
		v := serve(t, stub{hold: func(context.Context) error {
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
	v := serve(t, stub{hold: func(context.Context) error { called = true; return nil }})
	large := strings.Repeat("9", 64<<10)
	_, err := agentconfv1.NewConferenceServiceClient(v.conn).HoldParticipant(t.Context(), &agentconfv1.HoldParticipantRequest{Address: large})
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

// Who sends slowly is not waited for, and hinders nobody.
func TestSlowSenders(t *testing.T) {
	const http2Headers = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x40\x01\x04\x00\x00\x00\x01" // settings, a head of 64 bytes
	head := "POST " + holdV1 + " HTTP/1.1\r\nHost: agentconf.test\r\n"
	for name, c := range map[string]struct {
		grpc  bool
		sent  string
		limit time.Duration
	}{
		"header":               {false, head, 6 * time.Second},
		"body":                 {false, head + "Content-Length: 1000\r\n\r\n{", 6 * time.Second},
		"body of nothing":      {false, "POST /nothing HTTP/1.1\r\nHost: agentconf.test\r\nContent-Length: 1000\r\n\r\n{", 6 * time.Second},
		"chunk":                {false, head + "Transfer-Encoding: chunked\r\n\r\n1000\r\n{", 6 * time.Second},
		"preface of HTTP/2":    {true, http2.ClientPreface[:3], 6 * time.Second},
		"settings of HTTP/2":   {true, http2.ClientPreface + http2Headers[:5], 6 * time.Second},
		"headers of HTTP/2":    {true, http2.ClientPreface + http2Headers, time.Minute},
		"TLS where none is":    {true, "\x16\x03\x01\x02\x00\x01\x00", 6 * time.Second},
		"nothing":              {false, "", 6 * time.Second},
		"nothing, over HTTP/2": {true, "", 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var called atomic.Int32
				v := serve(t, stub{hold: func(context.Context) error { called.Add(1); return nil }})
				conn := v.dialPort(t, c.grpc)
				var sender sync.WaitGroup
				sender.Go(func() { dribble(conn, c.sent) })
				start := time.Now()
				if httpStatus, err := v.holdJSON(t.Context()); err != nil || httpStatus != http.StatusOK {
					t.Errorf("a healthy call over JSON: HTTP status %d, %v", httpStatus, err)
				}
				if err := v.holdGRPC(t.Context()); err != nil {
					t.Errorf("a healthy call over gRPC: %v", err)
				}
				answer, err := io.ReadAll(conn) // until the server hangs up
				if err != nil || time.Since(start) > c.limit || called.Load() != 2 {
					t.Errorf("after %v: %q, %v, and %d calls", time.Since(start), answer, err, called.Load())
				}
				conn.Close()
				sender.Wait()
				v.stop()
				if err := <-v.ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// dialPort opens a connection to one of the ports.
func (v *fronts) dialPort(t *testing.T, grpc bool) net.Conn {
	t.Helper()
	dial := v.dialHTTP
	if grpc {
		dial = v.dialGRPC
	}
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// dribble sends something, and then a byte a second that says nothing, if it sent
// anything at all.
func dribble(conn net.Conn, sent string) {
	_, err := io.WriteString(conn, sent)
	for err == nil && sent != "" {
		time.Sleep(time.Second) // of the bubble
		_, err = io.WriteString(conn, "a")
	}
}

// Who does not read is not waited for, and what is not read does not grow.
func TestNeverReads(t *testing.T) {
	for name, c := range map[string]struct {
		grpc bool
		sent string
	}{
		"JSON": {false, strings.Repeat(goodHTTP1, 1000)},
		"gRPC": {true, http2Sent(func(w *http2Writer) {
			for n := range uint32(50_000) {
				w.hold(2*n + 1)
			}
		})},
		"gRPC, taken back": {true, http2Sent(func(w *http2Writer) {
			for n := range uint32(50_000) {
				w.hold(2*n + 1)
				w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
			}
		})},
		"settings": {true, http2Sent(func(w *http2Writer) {
			for range 500_000 {
				w.WriteSettings()
			}
		})},
		"pings": {true, http2Sent(func(w *http2Writer) {
			for range 500_000 {
				w.WritePing(false, [8]byte{})
			}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := serve(t, stub{hold: func(context.Context) error { return nil }})
				conn := v.dialPort(t, c.grpc)
				before, start := heap(), time.Now()
				done := make(chan struct{})
				go func() {
					io.WriteString(conn, c.sent) // to its end, or until it is cut off
					close(done)
				}()
				synctest.Wait() // until nothing goes on any more
				if grown := heap() - before; grown > maxGrowth {
					t.Errorf("the heap has grown by %d MiB", grown>>20)
				}
				<-done
				if time.Since(start) > time.Minute {
					t.Errorf("waited for %v", time.Since(start))
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
		v := serve(t, stub{hold: func(context.Context) error { return nil }})
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

// A client may ask every 10 s whether agentconf is still there.
func TestPingsOfClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := serve(t, stub{})
		conn := v.dialPort(t, true)
		defer conn.Close()
		go io.WriteString(conn, http2Sent(func(*http2Writer) {}))
		r := http2.NewFramer(nil, conn)
		go func() {
			w := http2.NewFramer(conn, nil)
			for range 100 {
				time.Sleep(10 * time.Second)
				w.WritePing(false, [8]byte{})
			}
			w.WritePing(false, farewell)
		}()
		for answers := 0; answers < 102; {
			frame, err := r.ReadFrame()
			if err != nil {
				t.Fatalf("cut off after %d answers: %v", answers, err)
			}
			if f, ok := frame.(*http2.PingFrame); ok && f.IsAck() {
				answers++
			}
		}
		v.stop()
		if err := <-v.ended; err != nil {
			t.Error(err)
		}
	})
}
