package proxy

import (
	"net"
	"sync"
	"time"

	"agentconf/internal/signal"
)

// DeliveryTimeout limits the gateway's reply to a request that is delivered after its client has left.
const DeliveryTimeout = 5 * time.Second

// proxyConn is one connection through a proxy: one socket to the client and one to the server.
type proxyConn struct {
	sockets   [2]*net.TCPConn // by direction: Upstream is the socket to the server
	transport Transport
	closed    signal.Signal

	mu        sync.Mutex
	injection *Injection // nil once it has been performed
	counters  [2]byteCounter
	handshake bool          // TLS handshake in progress
	discard   bool          // bytes that arrive are discarded
	withheld  []byte        // of the request
	deferred  *Injection    // delivers the withheld bytes when the client has left
	replied   signal.Signal // set at the first byte of the reply
}

func newProxyConn(client, server *net.TCPConn, t Transport, n *Injection) *proxyConn {
	c := &proxyConn{
		sockets: [2]*net.TCPConn{Upstream: server, Downstream: client}, closed: signal.New(),
		injection: n, transport: t, handshake: t != Plaintext, replied: signal.New(),
	}
	c.counters[Upstream].transport, c.counters[Downstream].transport = t, t
	return c
}

// arm sets the next injection and restarts the counters. No exchange may be in progress.
func (c *proxyConn) arm(n *Injection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.injection, c.withheld, c.replied = n, nil, signal.New()
	c.restartCounters()
}

func (c *proxyConn) restartCounters() {
	c.counters[Upstream].restart()
	c.counters[Downstream].restart()
}

// run forwards bytes in both directions until the connection ends.
func (c *proxyConn) run() {
	defer c.close()
	c.mu.Lock()
	n := c.injection
	c.mu.Unlock()
	if n != nil && n.Point == OnAccept && !c.perform(n, Upstream, nil) {
		return
	}
	var copying sync.WaitGroup
	copying.Go(func() { c.copy(Upstream) })
	copying.Go(func() { c.copy(Downstream) })
	copying.Wait()
}

// copy forwards the bytes in direction d until a side closes the connection.
func (c *proxyConn) copy(d Direction) {
	from, to := c.sockets[1-d], c.sockets[d]
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !c.forward(d, buffer[:n]) {
			return
		}
		if err != nil {
			if d == Upstream {
				c.deliverWithheld()
			}
			to.CloseWrite()
			return
		}
	}
}

// forward forwards chunk, and performs the injection if chunk has the fault point. It returns false if
// copying ends.
func (c *proxyConn) forward(d Direction, chunk []byte) bool {
	c.mu.Lock()
	n := c.injection
	length, reached := 0, false
	if !c.discard {
		length, reached = c.scan(d, chunk)
	}
	c.mu.Unlock()
	c.sockets[d].Write(chunk[:length]) // the other direction detects a closed socket
	return !reached || c.perform(n, d, chunk[length:])
}

// scan counts the bytes of chunk up to the fault point. It returns how many of them can be forwarded, and
// whether the fault point is reached.
func (c *proxyConn) scan(d Direction, chunk []byte) (length int, reached bool) {
	counter, n := &c.counters[d], c.injection
	if d == Downstream && !c.handshake {
		c.replied.Set()
	}
	messageStart := 0 // index in chunk: bytes before it belong to the handshake
	for _, b := range chunk {
		counter.countByte(b)
		if reached = n != nil && n.reached(d, c.handshake, counter); reached {
			c.injection = nil
			if n.Point.afterByte() {
				length++
			}
			break
		}
		length++
		if c.handshake && d == c.transport.finalDirection() && counter.encryptedRecords == 1 {
			c.handshake, messageStart = false, length
			c.restartCounters()
		}
	}
	if n != nil && n.WithholdRequest && d == Upstream && !c.handshake {
		c.withheld = append(c.withheld, chunk[messageStart:]...)
		length = messageStart
	}
	return length, reached
}

// perform performs the action of n. rest has the bytes after the fault point. It returns false if copying
// ends.
func (c *proxyConn) perform(n *Injection, d Direction, rest []byte) bool {
	if n.Action != SendByteByByte && n.Delay > 0 && !c.pause(n.Delay) {
		return false
	}
	if n.Action == DeliverAfterClose {
		c.mu.Lock()
		c.deferred = n
		c.mu.Unlock()
		return true
	}
	defer n.done.Set()
	switch n.Action {
	case ResetConn:
		c.reset()
		return false
	case CloseConn, Stall:
		c.discardAll(n.Action == CloseConn)
		return true
	case HalfClose:
		c.sockets[Downstream].CloseWrite()
		return true
	case StopReading:
		<-c.closed.IsSet
		return false
	case SendByteByByte:
		return c.sendByteByByte(d, rest, n.Delay)
	}
	_, err := c.sockets[d].Write(rest)
	return err == nil
}

// discardAll discards all further bytes. With sendFIN, it also closes both sockets for writing.
func (c *proxyConn) discardAll(sendFIN bool) {
	c.mu.Lock()
	c.discard = true
	c.mu.Unlock()
	if sendFIN {
		c.sockets[Downstream].CloseWrite()
		c.sockets[Upstream].CloseWrite()
	}
}

// deliverWithheld sends a withheld request, after the client has left, and waits for its reply.
func (c *proxyConn) deliverWithheld() {
	c.mu.Lock()
	n, withheld, replied := c.deferred, c.withheld, c.replied
	c.deferred = nil
	c.mu.Unlock()
	if n == nil {
		return
	}
	defer n.done.Set()
	c.sockets[Upstream].Write(withheld)
	select {
	case <-replied.IsSet:
	case <-time.After(DeliveryTimeout):
	case <-c.closed.IsSet:
	}
}

// pause waits for d. It returns false if the connection closes first.
func (c *proxyConn) pause(d time.Duration) bool { return !signal.Within(d, c.closed.IsSet) }

func (c *proxyConn) sendByteByByte(d Direction, rest []byte, between time.Duration) bool {
	for i := range rest {
		if _, err := c.sockets[d].Write(rest[i : i+1]); err != nil || !c.pause(between) {
			return false
		}
	}
	return true
}

// reset closes both sockets with RST.
func (c *proxyConn) reset() {
	c.sockets[Downstream].SetLinger(0)
	c.sockets[Upstream].SetLinger(0)
	c.close()
}

func (c *proxyConn) close() {
	c.closed.Set()
	c.sockets[Downstream].Close()
	c.sockets[Upstream].Close()
}
