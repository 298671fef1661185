package faults

import "context"

// sizes are what places in a request and its reply are found by.
type sizes struct{ request, reply traffic }

// shape is what they depend on.
type shape struct {
	operation string
	front     front
	reused    bool // connection
}

// inHead is a byte in the head of every reply.
const inHead = 20

// learn finds out sizes that are not known yet, by a call to which nothing happens. It
// may still meet what happened to the call before, and is repeated then.
func (w *world) learn(s shape, measure func() sizes) sizes {
	if known, ok := w.sizes[s]; ok {
		return known
	}
	for range 3 {
		w.sizes[s] = measure()
		if w.calls[len(w.calls)-1].told == applied {
			return w.sizes[s]
		}
	}
	w.t.Errorf("the call to learn by: %s", w.calls[len(w.calls)-1].text)
	return w.sizes[s]
}

// farSize is what the gateway gets and answers, for k. The front makes no difference.
func (w *world) farSize(k *call) sizes {
	return w.learn(shape{operation: k.op.name}, func() sizes {
		w.far.arm(nil)
		learned := w.well(w.caller, k.op, k.front)
		request, reply := w.far.measured()
		return sizes{traffic{request - w.gateway.bodyLen(learned), request}, traffic{inHead, reply}}
	})
}

// slack is by how much requests by gRPC differ: headers are compressed, and answers to
// pings, settings and the like may or may not come among them.
const slack = 60

// nearSize is what agentconf gets and answers, on a connection that is new or has
// served before, when headers of gRPC are shorter.
func (w *world) nearSize(k *call, reused bool) sizes {
	return w.learn(shape{k.op.name, k.front, reused}, func() sizes {
		c := w.connected(k.front)
		defer c.close()
		if reused {
			w.well(c, k.op, k.front)
		}
		w.nearOf(k.front).arm(nil)
		w.well(c, k.op, k.front)
		request, reply := w.nearOf(k.front).measured()
		head := request - len(k.op.body)
		if k.front == overGRPC {
			request -= slack
			head = request / 2
		}
		return sizes{traffic{head, request}, traffic{inHead, reply}}
	})
}

// connected is a caller whose connection is there.
func (w *world) connected(f front) *caller {
	c := w.newCaller()
	if err := c.connect(context.Background(), f); err != nil {
		w.t.Error(err)
	}
	return c
}
