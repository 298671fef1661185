// Package proxy is a TCP proxy that closes, resets, stalls or delays a connection at a chosen
// byte of an exchange, with TLS or without. It decrypts nothing.
package proxy

import (
	"net"
	"sync"
)

// Direction is the direction of bytes through a proxy. It is an index of arrays that have an
// element for each direction.
type Direction int

// The directions of bytes.
const (
	Upstream   Direction = iota // to the server
	Downstream                  // to the client
)

// Proxy forwards TCP connections to a server, and performs its injection on them. It is safe for
// concurrent use.
type Proxy struct {
	listener  net.Listener
	server    string // address
	transport Transport

	running sync.WaitGroup

	mu        sync.Mutex
	injection *Injection // nil forwards everything
	conns     map[*proxyConn]bool
	accepted  int // connections so far
	closed    bool
}

// New returns a proxy from listener to the address server. The connections have this version
// of TLS. Close ends it.
func New(listener net.Listener, server string, transport Transport) *Proxy {
	p := &Proxy{listener: listener, server: server, transport: transport, conns: map[*proxyConn]bool{}}
	p.running.Go(p.serve)
	return p
}

// Address returns HOST:PORT of the listener.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
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
func (p *Proxy) connect(client *net.TCPConn) *proxyConn {
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

func (p *Proxy) remove(c *proxyConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Arm sets the injection of all open and future connections, and restarts their counters. No exchange may
// be in progress.
func (p *Proxy) Arm(n *Injection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.injection = n
	for c := range p.conns {
		c.arm(n)
	}
}

// Payload returns the bytes of payload since the last call of Arm, of the connection with the most bytes.
func (p *Proxy) Payload() (request, reply int) {
	p.each(func(c *proxyConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		request, reply = max(request, c.counters[Upstream].payload), max(reply, c.counters[Downstream].payload)
	})
	return request, reply
}

// each calls do for every open connection.
func (p *Proxy) each(do func(*proxyConn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		do(c)
	}
}

// CloseConns closes all connections with FIN.
func (p *Proxy) CloseConns() { p.each((*proxyConn).close) }

// ResetConns closes all connections with RST.
func (p *Proxy) ResetConns() { p.each((*proxyConn).reset) }

// Accepted returns the number of connections that the proxy has accepted so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Close closes the listener and all connections, and waits for the end of its goroutines.
func (p *Proxy) Close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.CloseConns()
	p.running.Wait()
}
