package passthrough

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"agentconf/internal/leaktest"
	"agentconf/server/internal/gateway"
)

// testbed is a gateway, and a proxy in front of it.
type testbed struct {
	front   *httptest.Server
	metrics *prometheus.Registry

	mu      sync.Mutex
	log     strings.Builder
	renewed [][3]string
}

// newTestbed starts a gateway that handles its requests by serve.
func newTestbed(t *testing.T, serve http.HandlerFunc, set func(*Options)) *testbed {
	t.Helper()
	leaktest.Check(t)
	upstream := httptest.NewUnstartedServer(serve)
	upstream.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	upstream.Start()
	t.Cleanup(upstream.Close)
	return newTestbedOf(t, upstream.URL, set)
}

// newTestbedOf starts a proxy in front of the gateway at url.
func newTestbedOf(t *testing.T, url string, set func(*Options)) *testbed {
	t.Helper()
	client, err := gateway.New(gateway.Options{URL: url, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	transport := gateway.NewTransport(client, 15*time.Second)
	t.Cleanup(transport.Close)
	b := &testbed{metrics: prometheus.NewRegistry()}
	options := Options{
		Transport: transport, RenewGUID: b.renew, Log: slog.New(slog.NewJSONHandler(b, nil)),
		Metrics: b.metrics, MaxInFlight: 100, RequestTime: 5 * time.Second,
	}
	if set != nil {
		set(&options)
	}
	p := New(options)
	b.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "7")
		if e := p.Forward(w, r); e != nil {
			http.Error(w, string(e.Reason)+" "+e.Text, http.StatusTeapot)
		}
	}))
	b.front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	b.front.Start()
	t.Cleanup(b.front.Close)
	return b
}

func (b *testbed) renew(agentID, shown, issued string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.renewed = append(b.renewed, [3]string{agentID, shown, issued})
}

// Write implements io.Writer for the log.
func (b *testbed) Write(record []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(record)
}

// records returns the log so far.
func (b *testbed) records() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

// scrape returns the metrics.
func (b *testbed) scrape() string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(b.metrics, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w.Body.String()
}

// send writes a request without a library, which would hide the spelling of headers, and
// returns all bytes of the response.
func (b *testbed) send(t *testing.T, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", b.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(response)
}

// request returns a request that closes its connection.
func request(line string, header ...string) string {
	return line + " HTTP/1.1\r\nHost: agentconf.test\r\nConnection: close\r\n" + strings.Join(header, "\r\n") +
		strings.Repeat("\r\n", min(len(header), 1)) + "\r\n"
}

// rawGateway answers the first request of every connection with reply, and returns the URL
// and the requests.
func rawGateway(t *testing.T, reply string) (url string, requests <-chan string) {
	t.Helper()
	leaktest.Check(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	received := make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			received <- readHead(conn)
			io.WriteString(conn, reply)
			conn.Close()
		}
	}()
	return "http://" + l.Addr().String(), received
}

func readHead(conn net.Conn) (head string) {
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		head += line
		if err != nil || line == "\r\n" {
			return head
		}
	}
}
