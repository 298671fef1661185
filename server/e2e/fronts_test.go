package e2e

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"agentconf/conformance"
	"agentconf/internal/leaktest"
	"agentconf/internal/testca"
	"agentconf/server/e2e/harness"
	"agentconf/server/internal/app"
	"agentconf/server/internal/lifecycle"
)

// fronts is a running service with a client of each front.
type fronts struct {
	gateway *conformance.Gateway // the scripted gateway behind the service, if there is one
	ready   http.Handler         // of /readyz
	conn    *grpc.ClientConn
	http    *http.Client
	log     *harness.Log
	metrics *prometheus.Registry

	dialGRPC, dialHTTP dialer

	stop  context.CancelFunc // orders the service to stop, as a signal does
	ended <-chan error       // receives the error of Serve
	end   func()             // closes the clients, stops the service and waits
}

// newFronts starts the service in front of a scripted gateway.
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

// newFrontsOf starts the service in front of the gateway that dialGateway dials.
func newFrontsOf(t *testing.T, n network, dialGateway dialer) *fronts {
	t.Helper()
	return newTracedFronts(t, n, dialGateway, nil)
}

// newTracedFronts is newFrontsOf with a tracer, which may be nil.
func newTracedFronts(t *testing.T, n network, dialGateway dialer, tracer trace.Tracer) *fronts {
	t.Helper()
	return newChangedFronts(t, n, dialGateway, func(o *app.Options) { o.Tracer = tracer })
}

// newChangedFronts is newFrontsOf with options that change has set.
func newChangedFronts(t *testing.T, n network, dialGateway dialer, change func(*app.Options)) *fronts {
	t.Helper()
	leaktest.Check(t)
	f := &fronts{log: &harness.Log{}, metrics: prometheus.NewRegistry()}
	options := f.options(slog.LevelDebug)
	change(&options)
	options.Gateway.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialGateway(ctx) }
	var ca *testca.CA
	if n.tls {
		ca = testca.New(t)
		options.Lifecycle.TLS = serverTLS(ca.Issue(t, "agentconf").TLS(t), nil)
	}
	service, err := app.New(options)
	if err != nil {
		t.Fatal(err)
	}
	f.serve(t, n, service.Server, service)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return f.dialHTTP(ctx) },
	}
	if n.tls {
		f.dialGRPC, f.dialHTTP = dialTLS(f.dialGRPC, clientTLS(ca, "h2")), dialTLS(f.dialHTTP, clientTLS(ca, "h2"))
		transport.Protocols = onlyHTTP2()
	}
	f.connect(t, transport)
	return f
}

// options returns the options of a service that logs to f.
func (f *fronts) options(level slog.Level) app.Options {
	log := slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: level}))
	o := harness.Options(log, f.metrics)
	o.Calls.MaxInFlight = maxInFlight
	return o
}

// serve starts server on n.
func (f *fronts) serve(t *testing.T, n network, front *lifecycle.Server, server harness.Server) {
	t.Helper()
	var grpcListener, httpListener net.Listener
	grpcListener, f.dialGRPC = n.grpc(t)
	httpListener, f.dialHTTP = n.http(t)
	running := harness.Serve(t, server, grpcListener, httpListener)
	f.ready, f.stop, f.ended = front.Ready(), running.Stop, running.Ended
	f.end = func() {
		if err := running.End(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

// connect creates the clients. At the end of the test it closes them and stops the service.
func (f *fronts) connect(t *testing.T, transport *http.Transport) {
	t.Helper()
	var err error
	f.conn, err = grpc.NewClient("passthrough:///agentconf.test",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return f.dialGRPC(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	f.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	endService := f.end
	f.end = sync.OnceFunc(func() {
		f.conn.Close()
		transport.CloseIdleConnections()
		endService()
	})
	t.Cleanup(f.end)
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

// admin sends a request to the admin port.
func (f *fronts) admin(path string) (httpStatus int, body string) {
	w := httptest.NewRecorder()
	lifecycle.Admin(f.metrics, new(slog.LevelVar), f.ready).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}
