package e2e

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// The service closes an idle HTTP connection after a minute.
func TestIdleConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, stub{hold: holdOK})
		idle := f.dial(t, f.dialHTTP)
		io.WriteString(idle, holdHead+"Content-Length: 2\r\n\r\n{}")
		start := time.Now()
		reply, err := io.ReadAll(idle)
		if took := time.Since(start); err != nil || took != time.Minute {
			t.Errorf("got reply %s, %v, closed after %v, want 1m", reply, err, took)
		}
		f.stopCleanly(t)
	})
}

// After 30 minutes, give or take a tenth, a gRPC client has to open another connection.
func TestOldConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, stub{hold: holdOK})
		dial, dials := f.dialGRPC, 0
		f.dialGRPC = func(ctx context.Context) (net.Conn, error) { dials++; return dial(ctx) }
		for range 2 {
			if err := f.holdGRPC(context.Background()); err != nil {
				t.Error(err)
			}
			time.Sleep(35 * time.Minute)
		}
		if err := f.holdGRPC(context.Background()); err != nil || dials != 3 {
			t.Errorf("got %d connections in 70 minutes, %v, want 3", dials, err)
		}
		f.stopCleanly(t)
	})
}

// The service accepts a keepalive ping every 10 s on an idle connection.
func TestKeepalivePings(t *testing.T) {
	const pings = 100
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, stub{})
		conn := f.dial(t, f.dialGRPC)
		go func() {
			io.WriteString(conn, http2Bytes(func(*http2Writer) {})) // ends with a ping
			w := http2.NewFramer(conn, nil)
			for range pings {
				time.Sleep(10 * time.Second)
				w.WritePing(false, [8]byte{})
			}
			w.WritePing(false, lastPing)
		}()
		r := http2.NewFramer(nil, conn)
		for acks := 0; acks < pings+2; {
			frame, err := r.ReadFrame()
			if err != nil {
				t.Fatalf("got %d acknowledgements and %v, want %d", acks, err, pings+2)
			}
			if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
				acks++
			}
		}
		f.stopCleanly(t)
	})
}
