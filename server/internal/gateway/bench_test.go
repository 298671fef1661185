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
)

// body is one as the service sends it.
type body struct {
	Address     string `json:"address"`
	AddressType string `json:"addressType"`
	PlayMode    int    `json:"playMode"`
	VoicePath   string `json:"voicePath"`
}

var benchHold = Request{
	Method: hold.Method,
	Path:   hold.Path,
	GUID:   hold.GUID,
	Body:   body{"88887946", "6", 2, "/record/hold.wav"},
}

// chunked is ok as Tomcat sends it.
var chunked = "HTTP/1.1 200 \r\nContent-Type: application/json;charset=UTF-8\r\nTransfer-Encoding: chunked\r\n" +
	"Date: Tue, 24 Nov 2026 17:00:00 GMT\r\nKeep-Alive: timeout=20\r\nConnection: keep-alive\r\n\r\n" +
	fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(success), success)

// stub answers every request with answer and allocates nothing over it. A request ends
// with the } of its body.
func stub(t testing.TB, l net.Listener, answer string) (address string) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go answerAll(c, []byte(answer))
		}
	}()
	return l.Addr().String()
}

func answerAll(c net.Conn, answer []byte) {
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
		if _, err := c.Write(answer); err != nil {
			return
		}
		n = 0
	}
}

func BenchmarkCall(b *testing.B) {
	benchmark(b, Config{URL: "http://" + stub(b, listen(b), ok)})
}

func BenchmarkCallChunked(b *testing.B) {
	benchmark(b, Config{URL: "http://" + stub(b, listen(b), chunked)})
}

// BenchmarkCallTLS counts the allocations of the stub's crypto/tls too.
func BenchmarkCallTLS(b *testing.B) {
	cert, roots := certificate(b)
	address := stub(b, listenTLS(b, &tls.Config{Certificates: []tls.Certificate{cert}}), ok)
	benchmark(b, Config{URL: "https://" + address, TLS: trusting(roots)})
}

func benchmark(b *testing.B, config Config) {
	c := newClient(b, config)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Call(ctx, benchHold); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNetHTTP makes the same call with net/http and encoding/json, for the
// ratio.
func BenchmarkNetHTTP(b *testing.B) {
	url := "http://" + stub(b, listen(b), ok)
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
	message, err := json.Marshal(benchHold.Body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, benchHold.Method, url+resourceRoot+benchHold.Path, bytes.NewReader(message))
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
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	var reply struct {
		Message, Retcode string
		Result           json.RawMessage
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return err
	}
	if reply.Retcode != Success {
		return errors.New("refused")
	}
	return nil
}

// A call on a kept connection allocates the body of its answer, which the Reply
// shares, and nothing else. What the caller makes its request of is not counted.
func TestCallAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	c := newClient(t, Config{URL: "http://" + stub(t, listen(t), ok)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := c.Call(ctx, benchHold); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations in a call, want 1", allocs)
	}
}
