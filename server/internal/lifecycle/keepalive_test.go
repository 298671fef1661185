package lifecycle

import (
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// A client may ping every 10 s, even if the network delivers two pings within 5 s. One that
// pings all the time is disconnected.
func TestPings(t *testing.T) {
	for interval, want := range map[time.Duration]bool{10 * time.Second: true, 6 * time.Second: true, 2 * time.Second: false} {
		serve(t, 0, func(t *testing.T, f *serverFixture) {
			conn, err := f.grpcListener.DialContext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, http2.ClientPreface)
			framer := http2.NewFramer(conn, conn)
			framer.WriteSettings()
			go func() {
				for range 10 {
					if framer.WritePing(false, [8]byte{}) != nil {
						return
					}
					time.Sleep(interval)
				}
			}()
			kept := true
			for acknowledged := 0; kept && acknowledged < 10; {
				frame, err := framer.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
					acknowledged++
				}
				if _, ok := frame.(*http2.GoAwayFrame); ok {
					kept = false
				}
			}
			if kept != want {
				t.Errorf("pings every %v: kept is %v, want %v", interval, kept, want)
			}
			conn.Close()
			time.Sleep(time.Minute) // the client's goroutine ends
			f.stop()
			if err := <-f.served; err != nil {
				t.Error(err)
			}
		})
	}
}
