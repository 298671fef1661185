package faults

import (
	"context"
	"sync"
	"time"

	"agentconf/emulator"
	"agentconf/emulator/proxy"
	"agentconf/internal/signal"
)

// run makes the calls of a fault, in turn or concurrently.
func (b *testbed) run(calls []func()) {
	if !b.fault.concurrent {
		for _, call := range calls {
			call()
		}
		return
	}
	if c := b.fault.idleClose; c != nil {
		b.closeIdleConns(c, len(calls))
	}
	runConcurrently(calls)
}

// closeIdleConns opens n connections to the gateway by concurrent calls, and closes them when they have
// been idle for their age. The age is real time, because the sockets are real.
func (b *testbed) closeIdleConns(c *idleClose, n int) {
	calls := make([]func(), n)
	for i := range calls {
		call := b.newCall(operations[i%len(operations)], fronts[i%len(fronts)], longTimeout)
		calls[i] = func() { b.executeAlone(context.Background(), call) }
	}
	runConcurrently(calls)
	<-time.After(c.age)
	b.refuse.Store(c.refuse)
	if c.action == proxy.ResetConn {
		b.gatewayHop.ResetConns()
	} else {
		b.gatewayHop.CloseConns()
	}
}

// callUnderFault makes a call of op under the testbed's fault.
func (b *testbed) callUnderFault(op operation, front front, variant int) {
	f := b.fault
	c := b.newCall(op, front, f.deadline)
	c.want, c.abandoned = f.want, f.abandoned
	switch {
	case f.confirmation != nil:
		b.callConfirmed(c)
	case f.gatewayHop != nil:
		b.injectOnGatewayHop(c, variant == 1)
	case f.idleClose != nil && f.idleClose.crosses:
		b.closeDuringCall(c)
	case f.reply != nil:
		b.replaceReply(c, variant == 0)
	case f.clientHop != nil:
		b.injectOnClientHop(c, variant == 1)
	case f.cancel != notCancelled:
		b.cancelCall(c, variant == 1)
	case f.noReply:
		b.withholdReply(c)
	default:
		b.executeAlone(context.Background(), c)
	}
}

// injectOnGatewayHop makes the call c on a new connection to the gateway, or on a used one, and injects the
// fault there.
func (b *testbed) injectOnGatewayHop(c *call, reused bool) {
	n := b.fault.gatewayHop.ForExchange(b.gatewaySize(c))
	if reused {
		b.callWithoutFault(b.client, c.op, c.front)
	} else {
		b.gatewayHop.CloseConns()
	}
	before := b.gatewayHop.Accepted()
	b.gatewayHop.Arm(n)
	b.execute(context.Background(), b.client, c)
	if opened := b.gatewayHop.Accepted() - before; opened > 1 || reused && opened > 0 {
		b.noteWithoutEffect("%v: opened %d connections", c, opened)
	}
	// Otherwise the action could happen to the next call.
	if c.reported == unknown && n.Action == proxy.DeliverAfterClose || c.reported == applied && n.Point == proxy.ReplyEnd {
		if !signal.Within(2*proxy.DeliveryTimeout, n.Done()) {
			b.t.Errorf("%s: the proxy has not performed its action", b.fault.name)
		}
	}
	b.gatewayHop.Arm(nil)
}

// closeDuringCall makes the call c while the gateway closes the connection that agentconf has kept.
func (b *testbed) closeDuringCall(c *call) {
	n := proxy.Injection{Point: proxy.ReplyEnd, Action: b.fault.idleClose.action}
	b.gatewayHop.Arm(n.ForExchange(b.gatewaySize(c)))
	b.callWithoutFault(b.client, c.op, c.front)
	b.execute(context.Background(), b.client, c)
	b.gatewayHop.Arm(nil)
}

// replaceReply makes the call c and replaces the reply of the gateway, which may have executed the request.
func (b *testbed) replaceReply(c *call, execute bool) {
	f := b.redirectTarget.withLocation(*b.fault.reply)
	f.Applied = execute
	b.setFault(c, f)
	b.execute(context.Background(), b.client, c)
}

// setFault sets a fault of the gateway for the call c.
func (b *testbed) setFault(c *call, f emulator.Fault) {
	f.Operation, f.AgentID = c.op.name, c.agent
	if err := b.gateway.SetFault(f); err != nil {
		b.t.Errorf("%s: %v", b.fault.name, err)
	}
}

// withHook calls do while h handles the requests to the gateway.
func (b *testbed) withHook(h requestHook, do func()) {
	b.gateway.hook.Store(&h)
	defer b.gateway.hook.Store(nil)
	do()
}

// injectOnClientHop makes the call c on a new connection to agentconf, or on a used one, and injects the
// fault there.
func (b *testbed) injectOnClientHop(c *call, reused bool) {
	size := b.clientSize(c, reused)
	cl := b.connectedClient(c.front)
	defer cl.close()
	if reused {
		b.callWithoutFault(cl, c.op, c.front)
	}
	hop := b.clientHop(c.front)
	hop.Arm(b.fault.clientHop.ForExchange(size))
	b.execute(context.Background(), cl, c)
	hop.Arm(nil)
}

// cancelCall makes the call c, and its caller cancels it. The gateway executes the request at once, or after
// agentconf has closed the connection.
func (b *testbed) cancelCall(c *call, executeLate bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if b.fault.cancel == beforeSend {
		cancel()
	}
	if executeLate && b.fault.cancel == onArrival {
		b.setFault(c, lateExecution)
	}
	b.withHook(func(_ gatewayRequest, handle func()) {
		if b.fault.cancel == afterExecution {
			handle()
			cancel()
			return
		}
		cancel()
		handle()
	}, func() { b.executeAlone(ctx, c) })
}

// lateExecution makes the gateway execute a request when agentconf has closed the connection.
var lateExecution = emulator.Fault{Connection: "hang", Late: true}

// withholdReply makes the call c, and the gateway does not reply. It executes every second request, after
// agentconf has closed the connection.
func (b *testbed) withholdReply(c *call) {
	f := emulator.Fault{Connection: "hang"}
	f.Late = c.agent[len(c.agent)-1]%2 == 0
	b.setFault(c, f)
	b.executeAlone(context.Background(), c)
}

// runConcurrently runs all functions at the same time, and returns when all have returned.
func runConcurrently(functions []func()) {
	var running sync.WaitGroup
	for _, f := range functions {
		running.Go(f)
	}
	running.Wait()
}
