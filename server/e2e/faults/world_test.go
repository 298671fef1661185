package faults

import (
	"bytes"
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

	"agentconf/server/internal/conference"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/transport"
)

// world is one agentconf between its callers and a gateway, with proxies on both
// sides, for one fault.
type world struct {
	t       *testing.T
	fault   *fault
	gateway *emulated
	far     *proxy       // agentconf ─ gateway
	near    [2]*proxy    // callers ─ agentconf, gRPC and HTTP; nil unless that is at fault
	address [2]string    // for callers
	trap    *trap        // where redirects lead
	refuses atomic.Bool  // the gateway, when agentconf wants to connect
	unheard net.Conn     // has the port that it tries then
	caller  *caller      // for calls that are made one after the other
	log     lockedBuffer // of agentconf
	stop    func()       // ends agentconf

	mu     sync.Mutex
	calls  []*call
	missed []string // calls to which the fault did not happen

	meetings sync.Map        // *meeting by agent
	sizes    map[shape]sizes // as far as they are known
}

func newWorld(t *testing.T, f *fault, leg leg) *world {
	t.Helper()
	w := &world{t: t, fault: f, gateway: newGateway(t, leg), sizes: map[shape]sizes{}, trap: newTrap(t)}
	w.far = newProxy(t, w.gateway.address, leg)
	w.unheard = w.dialGateway()
	w.refuses.Store(f.refuse)
	w.serve(leg)
	if f.near != nil {
		for i, address := range w.address {
			w.near[i] = newProxy(t, address, inTheClear)
			w.address[i] = w.near[i].address()
		}
	}
	w.caller = w.newCaller()
	return w
}

func (w *world) dialGateway() net.Conn {
	conn, err := net.Dial("tcp", w.gateway.address)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// dial is how agentconf connects to the gateway. One that refuses is the near end of a
// connection: nobody listens there, and nobody else can get its port.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if w.refuses.Load() {
		address = w.unheard.LocalAddr().String()
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// serve starts agentconf.
func (w *world) serve(leg leg) {
	config := gateway.Options{URL: "http://" + w.far.address(), Timeout: ample, Dial: w.dial}
	if leg != inTheClear {
		config.URL = "https://" + w.far.address()
		config.TLS = func() *tls.Config { return &tls.Config{RootCAs: certificate().roots} }
	}
	client, err := gateway.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	service := conference.New(client, conference.Config{AgentIDMax: 59999, Metrics: metrics})
	server := transport.New(service, transport.Config{
		Log: slog.New(slog.NewJSONHandler(&w.log, nil)), Metrics: metrics, MaxInFlight: maxAgents,
	})
	ports := [2]net.Listener{listen(w.t), listen(w.t)}
	for i, port := range ports {
		w.address[i] = port.Addr().String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, ports[0], ports[1]) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("agentconf: %v", err)
		}
		client.Close()
	})
	w.t.Cleanup(w.stop)
}

func (w *world) newCaller() *caller {
	c, err := newCaller(w.address[0], w.address[1])
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.close)
	return c
}

// prepare makes a call ready.
func (w *world) prepare(op operation, f front, deadline time.Duration) *call {
	agent, guid, err := w.gateway.prepare(op)
	if err != nil {
		w.t.Errorf("before a call: %v", err)
	}
	return &call{op: op, front: f, agent: agent, guid: guid, deadline: deadline}
}

// make makes k, until ctx ends, and has it in the books.
func (w *world) make(ctx context.Context, c *caller, k *call) {
	w.mu.Lock()
	w.calls = append(w.calls, k)
	w.mu.Unlock()
	c.do(ctx, k)
}

// well makes a call to which nothing happens.
func (w *world) well(c *caller, op operation, f front) *call {
	k := w.prepare(op, f, ample)
	w.make(context.Background(), c, k)
	return k
}

// miss is for a call to which the fault did not happen. A closed connection that is
// noticed a moment too late can be the cause, so a few of them prove nothing.
func (w *world) miss(format string, args ...any) {
	w.missed = append(w.missed, fmt.Sprintf(format, args...))
}

// settle ends everything, in an order in which nothing can happen afterwards, and
// returns what became of all calls.
func (w *world) settle() row {
	w.caller.close()
	w.stop()
	for _, p := range append(w.near[:], w.far) {
		if p != nil {
			p.close()
		}
	}
	w.unheard.Close()
	w.gateway.settle()
	truths, told, said := w.gateway.truths(), w.gateway.told(), accessLog(w.log.String())
	var r row
	for _, k := range w.calls {
		k.logged = notReached
		if a, ok := said[k.key()]; ok {
			k.logged, k.spent = a.verdict(), a.Took
		}
		truth := truths[k.key()]
		truth.told = told[k.agent]
		if wrong := r.count(k, truth); wrong != "" {
			w.t.Errorf("%s: %v: %s; told %s", w.fault.name, k, wrong, k.text)
		}
		if !k.expected(k.told) {
			w.miss("%v: told %q, which that cannot lead to", k, k.text)
		}
	}
	if 4*len(w.missed) > r.calls {
		w.t.Errorf("%s: as a rule it does not happen. %s", w.fault.name, strings.Join(w.missed, "\n"))
	}
	if n := w.trap.contacts(); n > 0 {
		r.lies += n
		w.t.Errorf("%s: the host of the redirect was contacted %d times", w.fault.name, n)
	}
	return r
}

// trap is a host that nobody should talk to.
type trap struct {
	net.Listener
	mu sync.Mutex
	n  int
}

func newTrap(t *testing.T) *trap {
	trap := &trap{Listener: listen(t)}
	t.Cleanup(func() { trap.Close() })
	go func() {
		for {
			conn, err := trap.Accept()
			if err != nil {
				return
			}
			trap.mu.Lock()
			trap.n++
			trap.mu.Unlock()
			conn.Close()
		}
	}()
	return trap
}

func (t *trap) contacts() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
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
