package gateway

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// echo answers every request with its own body as result.
func echo(s *session) {
	for {
		req, err := http.ReadRequest(s.r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		answer := `{"message":"` + req.Header.Get("Guid") + `","retcode":"0","result":` + string(body) + `}`
		fmt.Fprintf(s, "HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID=%s\r\nContent-Length: %d\r\n\r\n%s", req.Header.Get("Guid"), len(answer), answer)
	}
}

// Calls share buffers and connections, and nothing of one is seen in another, nor
// changes after it.
func TestNothingIsShared(t *testing.T) {
	s := newServer(t, listen(t), echo)
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	var callers sync.WaitGroup
	for caller := range 20 {
		callers.Go(func() {
			var replies []Reply
			var want []string
			for i := range 100 {
				text := fmt.Sprintf("%d.%d.%s", caller, i, strings.Repeat("x", i*caller%200))
				reply, err := c.Call(t.Context(), Request{Method: "POST", Path: "p", GUID: text, Body: text})
				if err != nil {
					t.Error(err)
					return
				}
				replies, want = append(replies, reply), append(want, text)
			}
			for i, reply := range replies {
				if string(reply.Result) != `"`+want[i]+`"` || reply.Message != want[i] || reply.GUID != want[i] {
					t.Errorf("%+v, want %s", reply, want[i])
				}
			}
		})
	}
	callers.Wait()
}

// Answers of any size leave the connection as they found it, with TLS as well.
func TestLargeAnswers(t *testing.T) {
	cert, roots := certificate(t)
	secured, plain := newServer(t, listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}), echo), newServer(t, listen(t), echo)
	for url, s := range map[string]*server{"https": secured, "http": plain} {
		c := newClient(t, Config{URL: url + "://" + s.Addr().String(), TLS: trusting(roots)})
		for _, size := range []int{0, 1, 3900, 4096, 8192, 16 << 10, 100 << 10, 1<<20 - 1<<10} {
			text := strings.Repeat("x", size)
			reply, err := c.Call(t.Context(), Request{Method: "POST", Path: "p", GUID: "g", Body: text})
			if err != nil || string(reply.Result) != `"`+text+`"` {
				t.Fatalf("%s, %d bytes: %d, %v", url, size, len(reply.Result), err)
			}
		}
		if conns, _ := s.counts(); conns != 1 {
			t.Errorf("%s: %d connections, want 1", url, conns)
		}
	}
}

// A gateway that hangs up for writing, and still reads, gets no request more.
func TestHalfClosed(t *testing.T) {
	done := make(chan struct{})
	s := newServer(t, listen(t), func(s *session) {
		s.next()
		io.WriteString(s, ok)
		s.Conn.(*net.TCPConn).CloseWrite()
		done <- struct{}{}
		s.next()
	})
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	for range 3 {
		if _, err := c.Call(t.Context(), hold); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	if conns, requests := s.counts(); conns != 3 || requests != 3 {
		t.Errorf("%d connections and %d requests, want 3 and 3", conns, requests)
	}
}

// A gateway that hangs up for writing instead of answering leaves the outcome open.
func TestHalfClosedUnanswered(t *testing.T) {
	s := newServer(t, listen(t), func(s *session) {
		s.next()
		s.Conn.(*net.TCPConn).CloseWrite()
		s.next()
	})
	c := newClient(t, Config{URL: "http://" + s.Addr().String()})
	if _, err := c.Call(t.Context(), hold); kind(t, err) != Broken || !strings.Contains(err.Error(), errCut.Error()) {
		t.Errorf("error %v, want %v as %v", err, Broken, errCut)
	}
}

// The request is, byte for byte, what page 0473 shows, and comes in one write.
func TestRequest(t *testing.T) {
	tests := []struct {
		req  Request
		want string
	}{
		{Request{Method: "POST", Path: "agentconf/1287/holdparticipant", GUID: "g.N", Body: map[string]string{"address": "<&>"}},
			"POST /agentgateway/resource/agentconf/1287/holdparticipant HTTP/1.1\r\nHost: gateway.test:8043\r\n" +
				"Content-Type: application/json; charset=UTF-8\r\nGuid: g.N\r\nContent-Length: 32\r\n\r\n" + `{"address":"\u003c\u0026\u003e"}`},
		{Request{Method: "GET", Path: "agentevent/1287", ServiceToken: "t"},
			"GET /agentgateway/resource/agentevent/1287 HTTP/1.1\r\nHost: gateway.test:8043\r\n" +
				"Content-Type: application/json; charset=UTF-8\r\nservice_token: t\r\nContent-Length: 0\r\n\r\n"},
	}
	for _, test := range tests {
		write := make(chan string, 1)
		c := newClient(t, Config{URL: "http://gateway.test:8043", Dial: pipes(t, func(c net.Conn) {
			defer c.Close()
			buffer := make([]byte, 4096)
			n, _ := c.Read(buffer) // no more than one write of a pipe
			write <- string(buffer[:n])
			io.WriteString(c, ok)
		})})
		if _, err := c.Call(t.Context(), test.req); err != nil {
			t.Fatal(err)
		}
		if got := <-write; got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
