package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"agentconf/conformance"
	"agentconf/internal/leaktest"
	"agentconf/internal/testca"
	"agentconf/server/internal/conference"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/transport"
)

// network makes listeners, each with the way to dial it.
type network struct {
	name string
	grpc func(t *testing.T) (net.Listener, dialer)
	http func(t *testing.T) (net.Listener, dialer) // of the JSON front, and of the gateway
	tls  bool                                      // on both fronts, and HTTP/2 with it
}

type dialer func(ctx context.Context) (net.Conn, error)

// sockets are real ones; memory is for bubbles of synctest, where time is free. Over
// HTTP deadlines are set and taken back all the time, which only net.Pipe does well.
var (
	sockets = network{"sockets", listenTCP, listenTCP, false}
	memory  = network{"memory", listenBuffered, listenPipe, false}

	securedSockets = network{"sockets with TLS", listenTCP, listenTCP, true}
	securedMemory  = network{"memory with TLS", listenBuffered, listenBuffered, true}
)

func listenTCP(t *testing.T) (net.Listener, dialer) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
}

func listenBuffered(*testing.T) (net.Listener, dialer) {
	l := bufconn.Listen(64 << 10)
	return l, l.DialContext
}

// pipeListener hands out net.Pipe, whose deadlines are those of a socket.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func listenPipe(*testing.T) (net.Listener, dialer) {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return l, l.dial
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// fronts is the service and a client of each front.
type fronts struct {
	gateway *conformance.Gateway // behind the service, if there is no other
	conn    *grpc.ClientConn
	http    *http.Client
	log     *lockedBuffer
	metrics *prometheus.Registry

	dialGRPC, dialHTTP dialer

	stop context.CancelFunc // ends the service as an operator does
	end  func()             // ends everything, and waits for it
}

// newFronts puts the service in front of a scripted gateway.
func newFronts(t *testing.T, n network) *fronts {
	t.Helper()
	leaktest.Check(t)
	l, dial := n.http(t)
	gateway := conformance.NewGateway(l)
	t.Cleanup(gateway.Stop)
	f := newFrontsOf(t, n, dial)
	f.gateway = gateway
	return f
}

// newFrontsOf puts the service in front of the gateway that dialGateway reaches.
func newFrontsOf(t *testing.T, n network, dialGateway dialer) *fronts {
	t.Helper()
	return newTracedFronts(t, n, dialGateway, nil)
}

// newTracedFronts is newFrontsOf with traces, if tracer is not nil.
func newTracedFronts(t *testing.T, n network, dialGateway dialer, tracer trace.Tracer) *fronts {
	t.Helper()
	leaktest.Check(t)
	grpcListener, dialGRPC := n.grpc(t)
	httpListener, dialHTTP := n.http(t)

	f := &fronts{log: &lockedBuffer{}, metrics: prometheus.NewRegistry(), dialGRPC: dialGRPC, dialHTTP: dialHTTP}
	client, err := gateway.New(gateway.Options{
		URL:     "http://gateway.test:8043",
		Timeout: 5 * time.Second,
		Dial:    func(ctx context.Context, _, _ string) (net.Conn, error) { return dialGateway(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	service := conference.New(client, conference.Config{AgentIDMax: 59999, Metrics: f.metrics, Tracer: tracer})
	config := transport.Config{Log: log, Metrics: f.metrics, Tracer: tracer, MaxInFlight: maxInFlight}
	httpTransport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return f.dialHTTP(ctx) },
	}
	if n.tls {
		ca := testca.New(t)
		config.TLS = showing(ca.Issue(t, "agentconf").TLS(t), nil)
		f.dialGRPC, f.dialHTTP = securely(dialGRPC, trusting(ca, "h2")), securely(dialHTTP, trusting(ca, "h2"))
		httpTransport.Protocols = onlyHTTP2()
	}
	server := transport.New(service, config)
	var ctx context.Context
	ctx, f.stop = context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, grpcListener, httpListener) }()

	f.conn, err = grpc.NewClient("passthrough:///agentconf.test",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return f.dialGRPC(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	f.http = &http.Client{
		Transport:     httpTransport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	f.end = sync.OnceFunc(func() {
		f.conn.Close()
		httpTransport.CloseIdleConnections()
		f.stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		client.Close()
	})
	t.Cleanup(f.end)
	return f
}

// do sends an HTTP request to the JSON front and returns status, header, body.
func (f *fronts) do(t *testing.T, req *http.Request) (int, http.Header, []byte) {
	t.Helper()
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
