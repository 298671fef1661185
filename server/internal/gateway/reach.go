package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// probeTimeout bounds a probe.
const probeTimeout = 2 * time.Second

// Probe finds out whether the gateway and its nodes, by name, can be reached: it opens
// a connection to each, sends no request, and closes it again. What cannot be reached
// has an error.
func (c *Client) Probe(ctx context.Context) (nodes map[string]error, gateway error) {
	var (
		probes sync.WaitGroup
		mu     sync.Mutex
	)
	nodes = map[string]error{}
	for name, e := range c.nodes {
		probes.Go(func() {
			err := e.reach(ctx)
			mu.Lock()
			defer mu.Unlock()
			nodes[name] = err
		})
	}
	gateway = c.gateway.reach(ctx)
	probes.Wait()
	return nodes, gateway
}

// reach opens a connection and closes it. Calls are not given it: over TLS 1.3 there
// is something to read on a new connection, so that it would not be fit for them.
func (e *endpoint) reach(ctx context.Context) error {
	c, err := e.open(ctx, time.Now().Add(probeTimeout))
	if err == nil {
		err = c.farewell()
		c.socket.end()
		c.Close()
	}
	if err != nil {
		return fmt.Errorf("no connection to %s: %w", e.address, err)
	}
	return nil
}

// farewell closes TLS as its peer wants it closed, and waits until the peer has done
// the same: a reset would be an error in its log. It fails if the peer turns us away,
// which over TLS 1.3 is heard only after the handshake.
func (c *conn) farewell() error {
	secured, ok := c.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	if err := secured.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, secured)
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return err
	}
	return nil
}
