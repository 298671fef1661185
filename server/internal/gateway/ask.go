package gateway

import (
	"context"
	"errors"
	"sync"
	"time"
)

// askTime bounds a question to one address, and with it the time without probes.
const askTime = 2 * time.Second

// question is a request that changes nothing and whose answer has no secret: a query of
// conferences (page 0486) without a GUID. A CC-Gateway refuses it, with an envelope.
var question = Request{Method: "GET", Path: "agentconf/101/queryvdnconfid"}

// Ask sends the gateway and each node a harmless request. It returns nil, for the gateway and
// for each node by name, if the answer was one of a CC-Gateway, whatever its retcode.
func (c *Client) Ask(ctx context.Context) (nodes map[string]error, gateway error) {
	return c.each(func(e *endpoint) error { return e.ask(ctx) })
}

func (e *endpoint) ask(ctx context.Context) error {
	wire, err := e.encode(question)
	if err != nil {
		return err
	}
	_, err = e.send(ctx, time.Now().Add(askTime), wire).Reply()
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.Kind == Refused {
		return nil
	}
	return err
}

// each runs check for every address at the same time. It returns the result of the gateway,
// and those of the nodes by name.
func (c *Client) each(check func(*endpoint) error) (nodes map[string]error, gateway error) {
	var (
		checks sync.WaitGroup
		mu     sync.Mutex // guards nodes
	)
	nodes = map[string]error{}
	for name, e := range c.endpoints {
		checks.Go(func() {
			err := errPanicked
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				nodes[name] = err
			}()
			defer c.recover("probe")
			err = check(e)
		})
	}
	checks.Wait()
	gateway = nodes[""]
	delete(nodes, "")
	return nodes, gateway
}
