package faults

import (
	"context"

	"agentconf/emulator/proxy"
)

// sizeKey has the properties of a call on which the size of its exchange depends.
type sizeKey struct {
	operation string
	front     front
	reused    bool // connection
}

// replyHeadSize is the position of proxy.ReplyHead. It lies in the headers of every reply.
const replyHeadSize = 20

// exchangeSize returns the size of an exchange from the headers of its request, its request and its reply.
func exchangeSize(head, request, reply int) proxy.ExchangeSize {
	return proxy.ExchangeSize{
		proxy.Upstream: {Head: head, Total: request}, proxy.Downstream: {Head: replyHeadSize, Total: reply},
	}
}

// size returns the size of an exchange. If it is not known yet, measure makes a call without a fault. The
// fault of the previous call may still disturb that call, which is repeated then.
func (b *testbed) size(key sizeKey, measure func() proxy.ExchangeSize) proxy.ExchangeSize {
	if known, ok := b.sizes[key]; ok {
		return known
	}
	for range 3 {
		b.sizes[key] = measure()
		if b.calls[len(b.calls)-1].reported == applied {
			return b.sizes[key]
		}
	}
	b.t.Errorf("a call without a fault: %s", b.calls[len(b.calls)-1].text)
	return b.sizes[key]
}

// gatewaySize returns the size of the exchange on the gateway hop. It does not depend on the front.
func (b *testbed) gatewaySize(c *call) proxy.ExchangeSize {
	return b.size(sizeKey{operation: c.op.name}, func() proxy.ExchangeSize {
		b.gatewayHop.Arm(nil)
		measured := b.callWithoutFault(b.client, c.op, c.front)
		request, reply := b.gatewayHop.Payload()
		return exchangeSize(request-b.gateway.bodySize(measured), request, reply)
	})
}

// grpcVariation is the number of bytes by which requests over gRPC vary: HTTP/2 compresses headers, and may
// send replies to pings and settings among them.
const grpcVariation = 60

// clientSize returns the size of the exchange on the client hop. With gRPC, it depends on earlier calls on
// the connection, because HTTP/2 does not repeat headers.
func (b *testbed) clientSize(c *call, reused bool) proxy.ExchangeSize {
	return b.size(sizeKey{c.op.name, c.front, reused}, func() proxy.ExchangeSize {
		cl := b.connectedClient(c.front)
		defer cl.close()
		if reused {
			b.callWithoutFault(cl, c.op, c.front)
		}
		hop := b.clientHop(c.front)
		hop.Arm(nil)
		b.callWithoutFault(cl, c.op, c.front)
		request, reply := hop.Payload()
		head := request - len(c.op.body)
		if c.front == grpcFront {
			request -= grpcVariation
			head = request / 2
		}
		return exchangeSize(head, request, reply)
	})
}

// connectedClient returns a new client with an open connection for the front.
func (b *testbed) connectedClient(f front) *client {
	cl := b.newClient()
	if err := cl.connect(context.Background(), f); err != nil {
		b.t.Error(err)
	}
	return cl
}
