package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// answerTime is how long the gateway of this file takes.
const answerTime = time.Second

// slowly answers every request after answerTime, in whose middle a call is watched.
func slowly(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		time.Sleep(answerTime)
		if _, err := io.WriteString(c, ok); err != nil {
			return
		}
	}
}

// A caller that gives up just as its answer comes ends its own call, or comes too
// late; one that gives up afterwards does so in the middle of the next call. None
// ever ends the next call.
func TestCancelledIsNotTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "http://gateway.test", Dial: pipes(t, slowly)})
		for round := range 2000 {
			ctx, cancel := context.WithCancel(t.Context())
			gaveUp := time.AfterFunc(answerTime, cancel)
			if round%2 == 0 {
				gaveUp.Reset(answerTime * 3 / 2)
			}
			if _, err := c.Call(ctx, hold); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := c.Call(t.Context(), hold); err != nil {
				t.Fatalf("the call after one that was cancelled: %v", err)
			}
			cancel()
		}
	})
}

// A gateway that takes its time over every part of a request gets all of it, with TLS
// as well: the watch begins in the middle of a write, which goes on where it stood.
func TestSlowWrite(t *testing.T) {
	cert, roots := certificate(t)
	for _, scheme := range []string{"http", "https"} {
		synctest.Test(t, func(t *testing.T) {
			read := make(chan string, 1)
			c := newClient(t, Config{URL: scheme + "://example.com", TLS: trusting(roots), Dial: pipes(t, func(c net.Conn) {
				slow := &slowConn{Conn: c}
				spoken := net.Conn(slow)
				if scheme == "https" {
					secured := tls.Server(slow, &tls.Config{Certificates: []tls.Certificate{cert}})
					secured.Handshake()
					spoken = secured
				}
				slow.pause = answerTime
				req, err := http.ReadRequest(bufio.NewReader(spoken))
				if err != nil {
					return
				}
				body, _ := io.ReadAll(req.Body)
				read <- string(body)
				io.WriteString(spoken, ok)
			})})
			if _, err := c.Call(t.Context(), hold); err != nil {
				t.Fatal(err)
			}
			if got, want := <-read, `{"address":"88887946"}`; got != want {
				t.Errorf("the gateway read %s, want %s", got, want)
			}
		})
	}
}

// slowConn reads no more than 100 bytes at once, with a pause after them.
type slowConn struct {
	net.Conn
	pause time.Duration
}

func (s *slowConn) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p[:min(len(p), 100)])
	time.Sleep(s.pause)
	return n, err
}
