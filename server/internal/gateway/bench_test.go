package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"agentconf/internal/race"
)

// holdBody has the fields of a hold as the service sends it.
type holdBody struct {
	Address     string `json:"address"`
	AddressType string `json:"addressType"`
	PlayMode    int    `json:"playMode"`
	VoicePath   string `json:"voicePath"`
}

var benchHold = Request{
	Method: hold.Method,
	Path:   hold.Path,
	GUID:   hold.GUID,
	Body:   holdBody{"88887946", "6", 2, "/record/hold.wav"},
}

// chunked is the reply ok in the form that Tomcat sends.
var chunked = "HTTP/1.1 200 \r\nContent-Type: application/json;charset=UTF-8\r\nTransfer-Encoding: chunked\r\n" +
	"Date: Tue, 24 Nov 2026 17:00:00 GMT\r\nKeep-Alive: timeout=20\r\nConnection: keep-alive\r\n\r\n" +
	fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(successBody), successBody)

// replyCheaply sends reply to every request, without allocations. It takes a } at the end of
// the bytes so far for the end of a request.
func replyCheaply(t testing.TB, l net.Listener, reply string) (address string) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go replyToAll(c, []byte(reply))
		}
	}()
	return l.Addr().String()
}

func replyToAll(c net.Conn, reply []byte) {
	request := make([]byte, 4096)
	n := 0
	for {
		m, err := c.Read(request[n:])
		if err != nil {
			return
		}
		if n += m; !bytes.HasSuffix(request[:n], []byte("}")) {
			continue
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
		n = 0
	}
}

func BenchmarkCall(b *testing.B) {
	benchmark(b, Options{URL: "http://" + replyCheaply(b, listen(b), ok)})
}

func BenchmarkCallChunked(b *testing.B) {
	benchmark(b, Options{URL: "http://" + replyCheaply(b, listen(b), chunked)})
}

// BenchmarkCallTLS also counts the allocations of the server's crypto/tls.
func BenchmarkCallTLS(b *testing.B) {
	cert, roots := certificate(b)
	address := replyCheaply(b, listenTLS(b, &tls.Config{Certificates: []tls.Certificate{cert}}), ok)
	benchmark(b, Options{URL: "https://" + address, TLS: trusting(roots)})
}

func benchmark(b *testing.B, options Options) {
	c := newClient(b, options)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Send(ctx, benchHold).Reply(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNetHTTP makes the same call with net/http and encoding/json, for comparison.
func BenchmarkNetHTTP(b *testing.B) {
	url := "http://" + replyCheaply(b, listen(b), ok)
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if err := callNetHTTP(ctx, transport, url); err != nil {
			b.Fatal(err)
		}
	}
}

func callNetHTTP(ctx context.Context, transport *http.Transport, url string) error {
	body, err := json.Marshal(benchHold.Body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, benchHold.Method, url+resourceRoot+benchHold.Path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	req.Header.Set("Guid", benchHold.GUID)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	envelope, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var reply struct {
		Message, Retcode string
		Result           json.RawMessage
	}
	if err := json.Unmarshal(envelope, &reply); err != nil {
		return err
	}
	if reply.Retcode != Success {
		return errors.New("refused")
	}
	return nil
}

// A call on an idle connection allocates the body of its reply, which the Reply shares. If
// its context can be cancelled, context.AfterFunc allocates twice. The allocations of the
// caller's request are not counted.
func TestCallAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates too")
	}
	c := newClient(t, Options{URL: "http://" + replyCheaply(t, listen(t), ok)})
	cancellable, cancel := context.WithCancel(t.Context())
	defer cancel()
	for ctx, want := range map[context.Context]float64{context.Background(): 1, cancellable: 3} {
		allocs := testing.AllocsPerRun(1000, func() {
			if _, err := c.Send(ctx, benchHold).Reply(); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > want {
			t.Errorf("%v allocations in a call, want %v", allocs, want)
		}
	}
}
