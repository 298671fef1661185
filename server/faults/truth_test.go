package faults

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"

	"agentconf/server/leaktest"
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
	for _, f := range list {
		for _, secured := range []bool{false, true} {
			if f.tls && !secured {
				continue
			}
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				t.Run(fmt.Sprintf("%s, TLS %v", f.name, secured), func(t *testing.T) {
					r := inWorld(t, f, secured)
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

// inWorld makes the calls of a fault: every operation by every front, each with both
// variants in a long run, and otherwise with one of them, in turn.
func inWorld(t *testing.T, f *fault, secured bool) row {
	w := newWorld(t, f, secured)
	var cells []func()
	n := 0
	for i, op := range operations {
		for j, front := range fronts {
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
