package gateway

import (
	"slices"
	"sync"
	"time"
)

// idleTimeout is how long an unused connection is kept. It stays below the 20 s
// after which Tomcat, on which the gateway runs, closes one in its stock
// configuration: a request that crosses such a close has no known outcome.
const idleTimeout = 15 * time.Second

// pool keeps idle connections. The one used last is taken first, so that their
// number follows the calls in flight down again.
type pool struct {
	mu     sync.Mutex
	conns  []*conn     // by idleSince, oldest first
	sweep  *time.Timer // set while conns is not empty
	closed bool
}

// get returns the connection used last, or nil.
func (p *pool) get() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.conns)
	if n == 0 {
		return nil
	}
	c := p.conns[n-1]
	p.conns[n-1] = nil
	p.conns = p.conns[:n-1]
	return c
}

func (p *pool) put(c *conn) {
	c.idleSince = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return
	}
	p.conns = append(p.conns, c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(idleTimeout, p.closeStale)
	}
}

func (p *pool) closeStale() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	stale := 0
	for stale < len(p.conns) && now.Sub(p.conns[stale].idleSince) >= idleTimeout {
		p.conns[stale].Close()
		stale++
	}
	p.conns = slices.Delete(p.conns, 0, stale)
	p.sweep = nil
	if len(p.conns) > 0 {
		next := p.conns[0].idleSince.Add(idleTimeout).Sub(now)
		p.sweep = time.AfterFunc(next, p.closeStale)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}
