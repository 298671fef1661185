package faults

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"

	"agentconf/internal/leaktest"
)

var long = flag.Bool("long", false, "make every call of every fault, with ages and deadlines of seconds")

// abreast is how many faults are under way at once. Most of them wait.
const abreast = 16

// After whatever fault, what a caller is told of a call is what the gateway's log says,
// and no call reaches the gateway twice.
func TestTruth(t *testing.T) {
	leaktest.Check(t)
	list := allFaults(*long)
	slots := make(chan struct{}, abreast)
	var mu sync.Mutex
	var running sync.WaitGroup
	for turn, f := range list {
		for _, leg := range f.legs(turn) {
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				t.Run(fmt.Sprintf("%s, %v", f.name, leg), func(t *testing.T) {
					r := inWorld(t, f, leg, turn)
					mu.Lock()
					defer mu.Unlock()
					f.row.add(r)
				})
			})
		}
	}
	running.Wait()
	text, total := table(list)
	fmt.Print(text)
	if total.late > 0 {
		fmt.Printf("%d calls ended more than %v after their deadline.\n", total.late, lateness)
		if *long {
			t.Fail()
		}
	}
}

// legs are those on which a fault is tried. In a short run one version of TLS is left
// out, in turn, if TLS is not at fault.
func (f *fault) legs(turn int) []leg {
	secured := []leg{byTLS12, byTLS13}
	switch {
	case f.tls:
		return secured
	case *long:
		return []leg{inTheClear, byTLS12, byTLS13}
	}
	return []leg{inTheClear, secured[turn%2]}
}

// operations are those that a fault is tried with.
func (f *fault) operations() []operation {
	if f.awaits == nil {
		return operations
	}
	within := f.awaits.within
	return []operation{hold.confirmed(within), unhold.confirmed(within), mute.confirmed(within)}
}

// inWorld makes the calls of a fault. In a long run that is every operation by every
// front, with both variants; in a short one every operation, and the rest in turn.
func inWorld(t *testing.T, f *fault, leg leg, turn int) row {
	w := newWorld(t, f, leg)
	var cells []func()
	n := 0
	for i, op := range f.operations() {
		for j, front := range fronts {
			if !*long && j != (i+turn)%len(fronts) {
				continue
			}
			n++
			for variant := range 2 {
				if f.fresh && variant == 1 || !*long && !f.fresh && variant != (i+j)%2 {
					continue
				}
				cells = append(cells, func() { w.cell(op, front, variant) })
			}
		}
	}
	w.run(cells)
	r := w.settle()
	r.cells = n
	return r
}

// cell makes a call to which the fault happens.
func (w *world) cell(op operation, front front, variant int) {
	k := w.prepare(op, front, w.fault.deadline)
	k.want, k.gone = w.fault.want, w.fault.gone
	switch f := w.fault; {
	case f.awaits != nil:
		w.awaiting(k)
	case f.far != nil:
		w.atFar(k, variant)
	case f.closes != nil && f.closes.crosses:
		w.closing(k)
	case f.answer != nil:
		w.answered(k, variant)
	case f.near != nil:
		w.atNear(k, variant)
	case f.cancel != never:
		w.givingUp(k, variant)
	case f.silent:
		w.silent(k)
	default:
		w.alone(context.Background(), k)
	}
}
