package faults

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentconf/emulator/proxy"
	"agentconf/server/e2e/harness"
	"agentconf/server/internal/app"
)

// testbed is one agentconf between its clients and a gateway, for one fault and one transport.
type testbed struct {
	t              *testing.T
	fault          *fault
	gateway        *gatewayServer
	gatewayHop     *proxy.Proxy
	clientHops     [2]*proxy.Proxy // for gRPC and HTTP; nil unless the fault is on this hop
	addresses      [2]string       // for clients: gRPC and HTTP
	redirectTarget *redirectTarget // of malformed replies
	client         *client         // for calls that are made in turn
	log            harness.Log     // of agentconf
	stopAgentconf  func()

	refuse       atomic.Bool // connections to the gateway
	refusingConn net.Conn    // its local port refuses connections

	mu    sync.Mutex // guards calls
	calls []*call

	withoutEffect  []string // descriptions of the calls on which the fault had no effect
	confirmedCalls sync.Map // *confirmedCall by agent
	sizes          map[sizeKey]proxy.ExchangeSize
}

func newTestbed(t *testing.T, f *fault, tr proxy.Transport) *testbed {
	t.Helper()
	b := &testbed{
		t: t, fault: f, gateway: newGatewayServer(t, tr), sizes: map[sizeKey]proxy.ExchangeSize{},
		redirectTarget: newRedirectTarget(t),
	}
	b.gatewayHop = b.newProxy(b.gateway.address, tr)
	conn, err := net.Dial("tcp", b.gateway.address)
	if err != nil {
		t.Fatal(err)
	}
	b.refusingConn = conn
	b.refuse.Store(f.refuse)
	b.startAgentconf(tr)
	if f.clientHop != nil {
		for i, address := range b.addresses {
			b.clientHops[i] = b.newProxy(address, proxy.Plaintext)
			b.addresses[i] = b.clientHops[i].Address()
		}
	}
	b.client = b.newClient()
	return b
}

func (b *testbed) newProxy(server string, tr proxy.Transport) *proxy.Proxy {
	p := proxy.New(listen(b.t), server, tr)
	b.t.Cleanup(p.Close)
	return p
}

func (b *testbed) startAgentconf(tr proxy.Transport) {
	options := harness.Options(slog.New(slog.NewJSONHandler(&b.log, nil)), prometheus.NewRegistry())
	options.Calls.MaxInFlight = maxAgents
	options.Events.Heartbeat = shortTimeout
	g := &options.Gateway
	g.URL, g.Timeout, g.Dial = "http://"+b.gatewayHop.Address(), longTimeout, b.dial
	if tr != proxy.Plaintext {
		g.URL = "https://" + b.gatewayHop.Address()
		g.TLS = func() *tls.Config { return &tls.Config{RootCAs: b.gateway.roots} }
	}
	service, err := app.New(options)
	if err != nil {
		b.t.Fatal(err)
	}
	ports := [2]net.Listener{listen(b.t), listen(b.t)}
	for i, port := range ports {
		b.addresses[i] = port.Addr().String()
	}
	running := harness.Serve(b.t, service, ports[0], ports[1])
	b.stopAgentconf = func() {
		if err := running.End(); err != nil {
			b.t.Errorf("agentconf: %v", err)
		}
	}
}

// dial opens agentconf's connections to the gateway. To make it refuse, the testbed sends it to the local
// port of an open connection: the port has no listener, and no other process can get it.
func (b *testbed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if b.refuse.Load() {
		address = b.refusingConn.LocalAddr().String()
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (b *testbed) newClient() *client {
	cl, err := newClient(b.addresses[0], b.addresses[1])
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(cl.close)
	return cl
}

// clientHop returns the proxy between agentconf and the clients of a front.
func (b *testbed) clientHop(f front) *proxy.Proxy {
	if f == grpcFront {
		return b.clientHops[0]
	}
	return b.clientHops[1]
}

// newCall returns a call of a new agent, which would be applied without a fault.
func (b *testbed) newCall(op operation, f front, deadline time.Duration) *call {
	agent, guid, err := b.gateway.newAgent(op)
	if err != nil {
		b.t.Errorf("before a call: %v", err)
	}
	return &call{op: op, front: f, agent: agent, guid: guid, deadline: deadline}
}

// execute makes the call c, and keeps it for the comparison.
func (b *testbed) execute(ctx context.Context, cl *client, c *call) {
	b.mu.Lock()
	b.calls = append(b.calls, c)
	b.mu.Unlock()
	cl.do(ctx, c)
}

// executeAlone makes the call c with a client of its own.
func (b *testbed) executeAlone(ctx context.Context, c *call) {
	cl := b.newClient()
	defer cl.close()
	b.execute(ctx, cl, c)
}

// callWithoutFault makes a call while no fault is injected.
func (b *testbed) callWithoutFault(cl *client, op operation, f front) *call {
	c := b.newCall(op, f, longTimeout)
	b.execute(context.Background(), cl, c)
	return c
}

// noteWithoutEffect notes a call on which the fault had no effect.
func (b *testbed) noteWithoutEffect(format string, args ...any) {
	b.withoutEffect = append(b.withoutEffect, fmt.Sprintf(format, args...))
}

// shutDown ends agentconf, the proxies and the gateway. The effects of all calls are final afterwards.
func (b *testbed) shutDown() {
	b.client.close()
	b.stopAgentconf()
	for _, p := range append(b.clientHops[:], b.gatewayHop) {
		if p != nil {
			p.Close()
		}
	}
	b.refusingConn.Close()
	b.gateway.shutDown()
}

// compare compares the outcomes of all calls with their effects. It fails the test if an outcome is a
// mismatch, if a call was repeated, or if the fault had no effect on too many calls.
func (b *testbed) compare() row {
	gatewayLog, records := b.gateway.records(), parseLog(b.log.String())
	var r row
	for _, c := range b.calls {
		c.logged = notSent // without a log record, the call has not reached agentconf
		if record, ok := records[c.key()]; ok {
			c.logged, c.loggedTime = record.outcome(), record.Took
		}
		if problem := r.count(c, effectOf(c.key(), gatewayLog)); problem != "" {
			b.t.Errorf("%s: %v: %s; reply %s", b.fault.name, c, problem, c.text)
		}
		if !c.mayReport(c.reported) {
			b.noteWithoutEffect("%v: reported %q, want one of %q", c, c.text, c.want)
		}
	}
	// A few calls without effect are no error: on a busy machine, agentconf may detect a closed connection
	// too late.
	if 4*len(b.withoutEffect) > r.calls {
		b.t.Errorf("%s: no effect on more than a quarter of the calls: %s", b.fault.name, strings.Join(b.withoutEffect, "\n"))
	}
	if n := int(b.redirectTarget.connections.Load()); n > 0 {
		r.mismatches += n
		b.t.Errorf("%s: %d connections to the host of the redirect", b.fault.name, n)
	}
	return r
}
