package faults

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// run runs cells, one after the other or, in a crowd, all at once.
func (w *world) run(cells []func()) {
	if !w.fault.crowd {
		for _, cell := range cells {
			cell()
		}
		return
	}
	if c := w.fault.closes; c != nil {
		w.age(c, len(cells))
	}
	atOnce(cells)
}

func atOnce(do []func()) {
	var running sync.WaitGroup
	for _, f := range do {
		running.Go(f)
	}
	running.Wait()
}

// age opens n connections to the gateway, and closes them when they have been idle for
// a while. That is real time, as the connections are.
func (w *world) age(c *closing, n int) {
	calls := make([]func(), n)
	for i := range calls {
		k := w.prepare(operations[i%len(operations)], fronts[i%len(fronts)], ample)
		calls[i] = func() { w.alone(context.Background(), k) }
	}
	atOnce(calls)
	<-time.After(c.age)
	w.refuses.Store(c.refuses)
	if c.do == reset {
		w.far.breakOff()
	} else {
		w.far.hangUp()
	}
}

// alone makes k by a caller of its own.
func (w *world) alone(ctx context.Context, k *call) {
	c := w.newCaller()
	defer c.close()
	w.make(ctx, c, k)
}

// atFar lets the fault happen between agentconf and the gateway: to a new connection,
// or to one that has served a call.
func (w *world) atFar(k *call, variant int) {
	size := w.farSize(k)
	if variant == 0 {
		w.far.hangUp()
	} else {
		w.well(w.caller, k.op, k.front)
	}
	connections := w.far.connections()
	s := w.fault.far.prepared(size.request, size.reply)
	w.far.arm(s)
	w.make(context.Background(), w.caller, k)
	if n := w.far.connections() - connections; n > 1 || variant == 1 && n > 0 {
		w.miss("%v: opened %d connections", k, n)
	}
	if k.told == unknown && s.do == holdBack || k.told == applied && s.at == replyEnd {
		w.done(s) // or it would happen to the next call
	}
	w.far.arm(nil)
}

func (w *world) done(s *script) {
	if !waitFor(s.done, 2*lastWait) {
		w.t.Errorf("%s: it did not happen", w.fault.name)
	}
}

// closing lets the gateway close a connection as the next call comes.
func (w *world) closing(k *call) {
	size := w.farSize(k)
	w.far.arm((&script{at: replyEnd, do: w.fault.closes.do}).prepared(size.request, size.reply))
	w.well(w.caller, k.op, k.front)
	w.make(context.Background(), w.caller, k)
	w.far.arm(nil)
}

// answered lets something else answer than the gateway, which carries the request out
// in one variant.
func (w *world) answered(k *call, variant int) {
	w.hooked(func(rw http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder) {
		if variant == 0 {
			carryOut()
		}
		r.Header.Set(elsewhere, w.trap.Addr().String())
		w.fault.answer(rw, r)
	}, func() { w.make(context.Background(), w.caller, k) })
}

// hooked lets h have the requests that come while do runs.
func (w *world) hooked(h hook, do func()) {
	w.gateway.hook.Store(&h)
	defer w.gateway.hook.Store(nil)
	do()
}

// atNear lets the fault happen between a caller and agentconf.
func (w *world) atNear(k *call, variant int) {
	size := w.nearSize(k, variant == 1)
	c := w.connected(k.front)
	defer c.close()
	if variant == 1 {
		w.well(c, k.op, k.front)
	}
	near := w.nearOf(k.front)
	near.arm(w.fault.near.prepared(size.request, size.reply))
	w.make(context.Background(), c, k)
	near.arm(nil)
}

func (w *world) nearOf(f front) *proxy {
	if f == overGRPC {
		return w.near[0]
	}
	return w.near[1]
}

// givingUp lets the caller give up. The gateway carries the request out at once in one
// variant, and when agentconf has hung up in the other.
func (w *world) givingUp(k *call, variant int) {
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	if w.fault.cancel == before {
		giveUp()
	}
	w.hooked(func(rw http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder) {
		if w.fault.cancel == answered {
			relay(rw, carryOut())
			giveUp()
			return
		}
		giveUp()
		if variant == 1 {
			hungUp(r)
		}
		relay(rw, carryOut())
	}, func() { w.alone(ctx, k) })
}

// hungUp waits until whoever sent r has gone.
func hungUp(r *http.Request) { waitFor(r.Context().Done(), 2*ample) }

// waitFor waits until c is closed, and reports whether that was in time.
func waitFor(c <-chan struct{}, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// silent lets the gateway answer nothing. It carries out every second request, when
// agentconf has hung up.
func (w *world) silent(k *call) {
	h := hook(func(_ http.ResponseWriter, r *http.Request, carryOut func() *httptest.ResponseRecorder) {
		hungUp(r)
		if _, agent := requested(r); agent[len(agent)-1]%2 == 0 {
			carryOut()
		}
	})
	w.gateway.hook.Store(&h)
	w.alone(context.Background(), k)
}
