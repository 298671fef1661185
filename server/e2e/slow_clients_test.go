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

	"agentconf/internal/testca"
)

// slowSender describes a client that sends a beginning and then one byte per second.
type slowSender struct {
	grpc  bool // on the gRPC port
	sent  string
	limit time.Duration // until the service closes the connection
}

const (
	holdHead = "POST " + holdV1 + " HTTP/1.1\r\n" + hostHeader
	slowBody = "Content-Length: 1000\r\n\r\n{"

	// settingsAndHeaders is a frame of settings and the header of a frame with 64 bytes of
	// headers.
	settingsAndHeaders = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x40\x01\x04\x00\x00\x00\x01"
)

var slowSenders = map[string]slowSender{
	"header":               {false, holdHead, 6 * time.Second},
	"body":                 {false, holdHead + slowBody, 6 * time.Second},
	"body to unknown path": {false, "POST /nothing HTTP/1.1\r\n" + hostHeader + slowBody, 6 * time.Second},
	"chunk":                {false, holdHead + "Transfer-Encoding: chunked\r\n\r\n1000\r\n{", 6 * time.Second},
	"HTTP/2 preface":       {true, http2.ClientPreface[:3], 6 * time.Second},
	"HTTP/2 settings":      {true, http2.ClientPreface + settingsAndHeaders[:5], 6 * time.Second},
	"HTTP/2 headers":       {true, http2.ClientPreface + settingsAndHeaders, time.Minute},
	"TLS without TLS":      {true, "\x16\x03\x01\x02\x00\x01\x00", 6 * time.Second},
	"nothing":              {false, "", 6 * time.Second},
	"nothing over HTTP/2":  {true, "", 6 * time.Second},
}

// The service closes the connection of a slow sender after a limit. Other clients are
// served meanwhile.
func TestSlowSenders(t *testing.T) {
	for name, sender := range slowSenders {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				f := serve(t, stub{hold: func(context.Context) error { calls.Add(1); return nil }})
				conn := f.dialPort(t, sender.grpc)
				var sending sync.WaitGroup
				sending.Go(func() { sendSlowly(conn, sender.sent) })
				start := time.Now()
				overGRPC, overJSON := f.holdBoth(t.Context())
				if overGRPC != nil || overJSON != nil {
					t.Errorf("healthy calls: over gRPC %v, over JSON %v", overGRPC, overJSON)
				}
				reply, err := io.ReadAll(conn) // until the service closes the connection
				if took := time.Since(start); err != nil || took > sender.limit {
					t.Errorf("got reply %q, %v, after %v, want an end within %v", reply, err, took, sender.limit)
				}
				if got := calls.Load(); got != 2 {
					t.Errorf("got %d calls, want 2", got)
				}
				conn.Close()
				sending.Wait()
				f.stopCleanly(t)
			})
		})
	}
}

// dialPort opens a connection to the gRPC port or the JSON port.
func (f *fronts) dialPort(t *testing.T, grpc bool) net.Conn {
	t.Helper()
	if grpc {
		return f.dial(t, f.dialGRPC)
	}
	return f.dial(t, f.dialHTTP)
}

// sendSlowly sends a beginning and then one byte per second. If the beginning is empty, it
// sends nothing.
func sendSlowly(conn net.Conn, beginning string) {
	_, err := io.WriteString(conn, beginning)
	for err == nil && beginning != "" {
		time.Sleep(time.Second) // of the bubble
		_, err = io.WriteString(conn, "a")
	}
}

// Over HTTP/2 too, a slow body ends its call after a limit. Other calls on the connection
// continue, even if they take longer than the limit.
func TestSlowSenderOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := testca.New(t)
		holdMinute := func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		}
		f := serveTLS(t, securedMemory, stub{hold: holdMinute}, serverTLS(ca.Issue(t, "agentconf").TLS(t), nil)).
			withTLS(t, clientTLS(ca), onlyHTTP2())
		f.http.Transport.(*http.Transport).DisableKeepAlives = false
		long := make(chan error, 1)
		go func() { _, err := f.holdBoth(t.Context()); long <- err }()
		synctest.Wait()
		start := time.Now()
		body, rest := io.Pipe()
		go io.WriteString(rest, "{")
		resp, err := f.http.Post("http://agentconf.test"+holdV1, "application/json", body)
		if err != nil || resp.ProtoMajor != 2 || resp.StatusCode == http.StatusOK {
			t.Errorf("slow call: got %v, %v, want an error over HTTP/2", resp, err)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("slow call: ended after %v, want at most 6s", took)
		}
		rest.Close()
		if err := <-long; err != nil {
			t.Errorf("long call on the same connection: %v", err)
		}
		f.closeConnections()
		f.stopCleanly(t)
	})
}

// The service closes a connection without a TLS handshake after 5 s.
func TestSilentHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serveTLS(t, network{grpc: listenPipe, http: listenPipe}, stub{},
			serverTLS(testca.New(t).Issue(t, "agentconf").TLS(t), nil))
		for _, dial := range []dialer{f.dialGRPC, f.dialHTTP} {
			start := time.Now()
			io.Copy(io.Discard, f.dial(t, dial)) // until the service closes the connection
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("closed after %v, want 5s", took)
			}
		}
		f.stopCleanly(t)
	})
}

// A client that does not read its replies is disconnected within a minute. The service
// does not buffer the replies meanwhile.
func TestNeverReads(t *testing.T) {
	for name, c := range map[string]struct {
		grpc bool
		sent string
	}{
		"JSON": {false, strings.Repeat(validHTTP1, 1000)},
		"gRPC": {true, http2Bytes(func(w *http2Writer) {
			for n := range uint32(50_000) {
				w.hold(2*n + 1)
			}
		})},
		"gRPC with resets": {true, http2Bytes(func(w *http2Writer) {
			for n := range uint32(50_000) {
				w.hold(2*n + 1)
				w.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
			}
		})},
		"settings": {true, http2Bytes(func(w *http2Writer) {
			for range 500_000 {
				w.WriteSettings()
			}
		})},
		"pings": {true, http2Bytes(func(w *http2Writer) {
			for range 500_000 {
				w.WritePing(false, [8]byte{})
			}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testNeverReads(t, c.grpc, c.sent) })
		})
	}
}

func testNeverReads(t *testing.T, grpc bool, sent string) {
	f := serve(t, stub{hold: holdOK})
	conn := f.dialPort(t, grpc)
	before, start := heap(), time.Now()
	written := make(chan struct{})
	go func() {
		io.WriteString(conn, sent) // fails if the service closes the connection
		close(written)
	}()
	synctest.Wait() // until both sides are blocked or idle
	if grown := heap() - before; grown > maxGrowth {
		t.Errorf("the heap has grown by %d MiB, want at most %d", grown>>20, maxGrowth>>20)
	}
	<-written
	if took := time.Since(start); took > time.Minute {
		t.Errorf("the client was writing for %v, want at most 1m", took)
	}
	conn.Close()
	f.stopCleanly(t)
}
