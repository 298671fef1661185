package faults

import "context"

// messageSize is the size of the payload of a request or a reply.
type messageSize struct{ head, total int }

// exchangeSize has the sizes of a request (upstream) and its reply (downstream). Fault points depend on it.
type exchangeSize [2]messageSize

// sizeKey has the properties of a call on which the size of its exchange depends.
type sizeKey struct {
	operation string
	front     front
	reused    bool // connection
}

// replyHeadSize is the position of fault point replyHead. It lies in the headers of every reply.
const replyHeadSize = 20

// size returns the size of an exchange. If it is not known yet, measure makes a call without a fault. The
// fault of the previous call may still disturb that call, which is repeated then.
func (b *testbed) size(key sizeKey, measure func() exchangeSize) exchangeSize {
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
func (b *testbed) gatewaySize(c *call) exchangeSize {
	return b.size(sizeKey{operation: c.op.name}, func() exchangeSize {
		b.gatewayHop.arm(nil)
		measured := b.callWithoutFault(b.client, c.op, c.front)
		request, reply := b.gatewayHop.payload()
		return exchangeSize{{request - b.gateway.bodySize(measured), request}, {replyHeadSize, reply}}
	})
}

// grpcVariation is the number of bytes by which requests over gRPC vary: HTTP/2 compresses headers, and may
// send replies to pings and settings among them.
const grpcVariation = 60

// clientSize returns the size of the exchange on the client hop. With gRPC, it depends on earlier calls on
// the connection, because HTTP/2 does not repeat headers.
func (b *testbed) clientSize(c *call, reused bool) exchangeSize {
	return b.size(sizeKey{c.op.name, c.front, reused}, func() exchangeSize {
		cl := b.connectedClient(c.front)
		defer cl.close()
		if reused {
			b.callWithoutFault(cl, c.op, c.front)
		}
		hop := b.clientHop(c.front)
		hop.arm(nil)
		b.callWithoutFault(cl, c.op, c.front)
		request, reply := hop.payload()
		head := request - len(c.op.body)
		if c.front == grpcFront {
			request -= grpcVariation
			head = request / 2
		}
		return exchangeSize{{head, request}, {replyHeadSize, reply}}
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
