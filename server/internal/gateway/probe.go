package gateway

import (
	"context"
	"fmt"
	"time"
)

// probeTimeout bounds the probe of one address.
const probeTimeout = 2 * time.Second

// Probe opens a connection to the gateway and to each node, sends no request, and closes
// the connection. It returns an error for the gateway, and one for each node by name, which
// is nil if the node can be reached.
func (c *Client) Probe(ctx context.Context) (nodes map[string]error, gateway error) {
	return c.each(func(e *endpoint) error { return e.probe(ctx) })
}

// probe opens a connection and closes it. It does not ask the breaker: a probe must see that
// the gateway is back. It does not leave its connection to calls: only the end of TLS shows
// that the gateway accepts the client certificate.
func (e *endpoint) probe(ctx context.Context) error {
	c, err := e.open(ctx, time.Now().Add(probeTimeout))
	if err == nil {
		err = c.CloseTLS()
		c.Close()
	}
	if err != nil {
		return fmt.Errorf("no connection to %s: %w", e.address, err)
	}
	return nil
}
