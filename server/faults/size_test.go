package faults

import "context"

// sizes are what places in a request and its reply are found by.
type sizes struct{ request, reply traffic }

// shape is what they depend on.
type shape struct {
	operation string
	front     front
}

// inHead is a byte in the head of every reply.
const inHead = 20

// learn finds out sizes that are not known yet, by a call to which nothing happens.
func (w *world) learn(s shape, measure func() sizes) sizes {
	if _, known := w.sizes[s]; !known {
		w.sizes[s] = measure()
	}
	return w.sizes[s]
}

// farSize is what the gateway gets and answers, for k. The front makes no difference.
func (w *world) farSize(k *call) sizes {
	return w.learn(shape{k.op.name, overGRPC}, func() sizes {
		w.far.arm(nil)
		learned := w.well(w.caller, k.op, k.front)
		request, reply := w.far.measured()
		return sizes{traffic{request - w.gateway.bodyLen(learned), request}, traffic{inHead, reply}}
	})
}

// slack is by how much requests by gRPC differ, whose headers are compressed.
const slack = 40

// nearSize is what agentconf gets and answers.
func (w *world) nearSize(k *call) sizes {
	return w.learn(shape{k.op.name, k.front}, func() sizes {
		c := w.newCaller()
		defer c.close()
		if err := c.connect(context.Background(), k.front); err != nil {
			w.t.Error(err)
		}
		w.nearOf(k.front).arm(nil)
		w.well(c, k.op, k.front)
		request, reply := w.nearOf(k.front).measured()
		if k.front == overGRPC {
			request -= slack
			return sizes{traffic{request / 2, request}, traffic{inHead, reply}}
		}
		return sizes{traffic{request - len(k.op.body), request}, traffic{inHead, reply}}
	})
}
