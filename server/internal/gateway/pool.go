package gateway

import (
	"slices"
	"sync"
	"time"

	"agentconf/server/internal/gateway/http1"
)

// idleTimeout is how long an idle connection is kept. Tomcat, on which the gateway runs,
// closes one after 20 s by default. A request that crosses such a close has an unknown
// outcome, so the client closes its side earlier.
const idleTimeout = 15 * time.Second

// pool keeps idle connections. It returns the one used last, so that the number of
// connections decreases with the number of calls.
type pool struct {
	mu     sync.Mutex
	idle   []idleConn  // by since, oldest first
	sweep  *time.Timer // runs closeStale; nil while idle is empty
	closed bool
}

type idleConn struct {
	*http1.Conn
	since time.Time
}

// get returns the connection used last, or nil.
func (p *pool) get() *http1.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last].Conn
	p.idle = slices.Delete(p.idle, last, last+1)
	return c
}

// put adds c, or closes it if the pool is closed.
func (p *pool) put(c *http1.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return
	}
	p.idle = append(p.idle, idleConn{c, time.Now()})
	if p.sweep == nil {
		p.sweep = time.AfterFunc(idleTimeout, p.closeStale)
	}
}

// closeStale closes the connections that have been idle for idleTimeout, and sets the timer
// for the next one. One timer for all is enough, as the oldest is always the first.
func (p *pool) closeStale() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	stale := 0
	for stale < len(p.idle) && now.Sub(p.idle[stale].since) >= idleTimeout {
		p.idle[stale].Close()
		stale++
	}
	p.idle = slices.Delete(p.idle, 0, stale)
	p.sweep = nil
	if len(p.idle) > 0 {
		p.sweep = time.AfterFunc(p.idle[0].since.Add(idleTimeout).Sub(now), p.closeStale)
	}
}

// close closes the idle connections, and makes put close those of the calls in flight.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	for _, c := range p.idle {
		c.Close()
	}
	p.idle = nil
}
