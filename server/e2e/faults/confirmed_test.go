package faults

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/metadata"

	"agentconf/emulator"
	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/signal"
)

// confirmedCall is a call with confirm_within, the watch of its agent, and its fault.
type confirmedCall struct {
	*call
	testbed  *testbed
	fault    *confirmationFault
	cancel   context.CancelFunc // cancels the call
	endWatch context.CancelFunc
	others   sync.WaitGroup // calls that make the fault busy

	pollsHandled atomic.Int64  // by the fault
	called       signal.Signal // the gateway has received the call
	polled       signal.Signal // the gateway has received a poll
	eventTaken   signal.Signal // a poll has taken the event
}

// callConfirmed makes the call c, which has confirm_within, under the testbed's fault.
func (b *testbed) callConfirmed(c *call) {
	ctx, cancel := context.WithCancel(context.Background())
	watchCtx := metadata.AppendToOutgoingContext(context.Background(), "guid", c.guid)
	watchCtx, endWatch := context.WithCancel(watchCtx)
	defer endWatch()
	cc := &confirmedCall{
		call: c, testbed: b, fault: b.fault.confirmation, cancel: cancel, endWatch: endWatch,
		called: signal.New(), polled: signal.New(), eventTaken: signal.New(),
	}
	b.confirmedCalls.Store(c.agent, cc)
	h := requestHook(b.handleConfirmed)
	b.gateway.hook.Store(&h)
	if cc.fault.fromStart {
		cc.rejectPolls(-1)
	}
	if !cc.fault.unwatched {
		cc.watch(watchCtx)
	}
	cc.injectFaults()
	if cc.fault.busy {
		cc.occupy(ctx)
	}
	b.executeAlone(ctx, c)
	cancel()
	cc.others.Wait()
	b.refuse.Store(false)
}

// injectFaults sets the faults of the call, of its event, and of polls.
func (c *confirmedCall) injectFaults() {
	if f := c.fault.event; f.Events != "" {
		f.EventType = participantChanged
		c.setFault(f)
	}
	if c.fault.call != nil {
		f := *c.fault.call
		f.Operation = c.op.name
		c.setFault(f)
	}
	if c.fault.poll != nil {
		f := *c.fault.poll
		f.Operation, f.EventType = "getAgentEvent", participantChanged
		c.setFault(f)
	}
}

// rejectPolls makes the gateway reject so many polls, or all from now on if count is -1.
func (c *confirmedCall) rejectPolls(count int) {
	c.setFault(emulator.Fault{Operation: "getAgentEvent", Status: http.StatusServiceUnavailable, Count: count})
}

func (c *confirmedCall) setFault(f emulator.Fault) {
	f.AgentID = c.agent
	if err := c.testbed.gateway.SetFault(f); err != nil {
		c.testbed.t.Error(err)
	}
}

// watch starts a watch of the agent. It returns when the watch polls, or when a poll has failed.
func (c *confirmedCall) watch(ctx context.Context) {
	cl := c.testbed.newClient()
	req := &agentconfv1.WatchAgentEventsRequest{AgentId: c.agent}
	stream, err := agentconfv1.NewEventServiceClient(cl.grpc).WatchAgentEvents(ctx, req)
	if err != nil {
		c.testbed.t.Error(err)
		return
	}
	for {
		got, err := stream.Recv()
		switch {
		case err != nil:
			c.testbed.t.Errorf("watch for %v: %v", c.call, err)
			return
		case got.GetPollFailed() != nil:
			return
		case got.GetStarted() != nil && !c.fault.fromStart:
			signal.Within(longTimeout, c.polled.IsSet)
			return
		}
	}
}

// occupy makes another call that waits for an event of the same participant. It returns when the gateway
// has received that call.
func (c *confirmedCall) occupy(ctx context.Context) {
	op := mute
	if c.op.name == mute.name {
		op = hold
	}
	other := &call{
		op: op.confirmedWithin(longTimeout), agent: c.agent, guid: c.guid, deadline: longTimeout, abandoned: true,
	}
	c.others.Go(func() { c.testbed.executeAlone(ctx, other) })
	signal.Within(longTimeout, c.called.IsSet)
}

// handleConfirmed is the requestHook of agents with a confirmedCall.
func (b *testbed) handleConfirmed(r gatewayRequest, handle func()) {
	found, _ := b.confirmedCalls.Load(r.agent)
	c := found.(*confirmedCall)
	hook := c.fault.onCall
	if r.op.family == events {
		c.polled.Set()
		hook = c.nextPollHook(r)
	} else {
		c.called.Set()
	}
	if hook == nil {
		handle()
		return
	}
	hook(c, handle)
}

// nextPollHook returns the hook for the first poll, or nil. It waits for the call.
func (c *confirmedCall) nextPollHook(poll gatewayRequest) confirmationHook {
	if c.fault.onPoll == nil || c.pollsHandled.Add(1) > 1 {
		return nil
	}
	select {
	case <-c.called.IsSet:
	case <-poll.Context().Done():
	}
	return c.fault.onPoll
}
