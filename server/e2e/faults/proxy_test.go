package faults

import (
	"net"
	"sync"
	"testing"
)

// direction is the direction of bytes through a proxy. It is an index of arrays that have an element for
// each direction.
type direction int

const (
	upstream   direction = iota // to the server
	downstream                  // to the client
)

// proxy forwards TCP connections to a server, and performs its injection on them.
type proxy struct {
	net.Listener
	server    string // address
	transport transport

	running sync.WaitGroup

	mu        sync.Mutex
	injection *injection // nil forwards everything
	conns     map[*proxyConn]bool
	accepted  int // connections so far
	closed    bool
}

func newProxy(t *testing.T, server string, tr transport) *proxy {
	t.Helper()
	p := &proxy{Listener: listen(t), server: server, transport: tr, conns: map[*proxyConn]bool{}}
	p.running.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (p *proxy) address() string { return p.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		if c := p.connect(client.(*net.TCPConn)); c != nil {
			p.running.Go(func() { c.run(); p.remove(c) })
		}
	}
}

// connect connects client to the server. It returns nil if the server cannot be reached, or if the proxy
// is closed.
func (p *proxy) connect(client *net.TCPConn) *proxyConn {
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		client.Close()
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := newProxyConn(client, server.(*net.TCPConn), p.transport, p.injection)
	if p.closed {
		c.close()
		return nil
	}
	p.conns[c] = true
	p.accepted++
	return c
}

func (p *proxy) remove(c *proxyConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// arm sets the injection of all open and future connections, and restarts their counters. No exchange may
// be in progress.
func (p *proxy) arm(n *injection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.injection = n
	for c := range p.conns {
		c.arm(n)
	}
}

// payload returns the bytes of payload since the last call of arm, of the connection with the most bytes.
func (p *proxy) payload() (request, reply int) {
	p.each(func(c *proxyConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		request, reply = max(request, c.counters[upstream].payload), max(reply, c.counters[downstream].payload)
	})
	return request, reply
}

// each calls do for every open connection.
func (p *proxy) each(do func(*proxyConn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		do(c)
	}
}

// closeConns closes all connections with FIN.
func (p *proxy) closeConns() { p.each((*proxyConn).close) }

// acceptedConns returns the number of connections that the proxy has accepted so far.
func (p *proxy) acceptedConns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// close closes the listener and all connections, and waits for the end of its goroutines.
func (p *proxy) close() {
	p.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.closeConns()
	p.running.Wait()
}
