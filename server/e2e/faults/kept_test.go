package faults

import (
	"context"
	"time"
)

// recordTimeout is the time in which agentconf logs a call whose caller has left.
const recordTimeout = time.Second

// checkKept makes another poll for each agent whose poll ended with the outcome kept. It must
// return the event.
func (b *testbed) checkKept() {
	b.refuse.Store(false)
	for _, c := range b.calls {
		if c.op.name == "getAgentEvent" && (c.reported == kept || c.abandoned && b.recordOf(c).outcome() == kept) {
			c.next = &call{op: c.op, front: grpcFront, agent: c.agent, guid: c.guid, deadline: longTimeout}
			cl := b.newClient()
			cl.do(context.Background(), c.next)
			cl.close()
		}
	}
}

// recordOf returns agentconf's log record of a call, or a zero one if agentconf has not received
// the call.
func (b *testbed) recordOf(c *call) logRecord {
	for end := time.Now().Add(recordTimeout); ; <-time.After(time.Millisecond) {
		record, logged := parseLog(b.log.String())[c.key()]
		if logged || time.Now().After(end) {
			return record
		}
	}
}

// keptMismatch returns how the poll after a poll with the outcome kept contradicts it, or "".
func (c *call) keptMismatch() string {
	switch {
	case c.next == nil:
		return string(kept) + ", but the test has not polled again"
	case c.next.reported != applied:
		return string(kept) + ", but the next poll returned no event: " + c.next.text
	}
	return ""
}
