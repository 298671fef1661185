package faults

import (
	"net"
	"sync"
	"testing"
)

// direction is of bytes: up to the server, or down to the client.
type direction int

const (
	up direction = iota
	down
)

// proxy passes TCP connections on to a server, and does to them what its script
// says.
type proxy struct {
	net.Listener
	server string // address
	leg    leg

	running sync.WaitGroup

	mu     sync.Mutex
	script *script // nil passes everything
	links  map[*link]bool
	count  int // of connections that were accepted
	closed bool
}

func newProxy(t *testing.T, server string, leg leg) *proxy {
	t.Helper()
	p := &proxy{Listener: listen(t), server: server, leg: leg, links: map[*link]bool{}}
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
		if l := p.begin(client.(*net.TCPConn)); l != nil {
			p.running.Go(func() { l.run(); p.forget(l) })
		}
	}
}

// begin connects client to the server.
func (p *proxy) begin(client *net.TCPConn) *link {
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		client.Close()
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := newLink(client, server.(*net.TCPConn), p.leg, p.script)
	if p.closed {
		l.close()
		return nil
	}
	p.links[l] = true
	p.count++
	return l
}

func (p *proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// arm sets what is done to connections from now on, those that are open included,
// and lets all of them count from zero. They must be at rest.
func (p *proxy) arm(s *script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
	for l := range p.links {
		l.arm(s)
	}
}

// measured is the traffic since the last arm, of the connection that had most.
func (p *proxy) measured() (request, reply int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.mu.Lock()
		request, reply = max(request, l.meters[up].plain), max(reply, l.meters[down].plain)
		l.mu.Unlock()
	}
	return request, reply
}

// hangUp ends all connections, as a gateway does that closes idle ones.
func (p *proxy) hangUp() { p.each((*link).close) }

// breakOff resets all connections.
func (p *proxy) breakOff() { p.each((*link).breakOff) }

func (p *proxy) each(do func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		do(l)
	}
}

// connections is how many were accepted so far.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// close ends everything.
func (p *proxy) close() {
	p.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.hangUp()
	p.running.Wait()
}
