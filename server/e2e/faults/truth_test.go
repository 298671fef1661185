package faults

import (
	"flag"
	"fmt"
	"sync"
	"testing"

	"agentconf/emulator/proxy"
	"agentconf/internal/leaktest"
)

var long = flag.Bool("long", false, "make every call of every fault, with ages and deadlines of seconds")

// maxTestbeds limits the number of testbeds that run at the same time. Most of them wait.
const maxTestbeds = 16

// Under every fault, the reported and the logged outcome of each call agree with the emulator's log, and
// no call reaches the gateway twice.
func TestTruth(t *testing.T) {
	leaktest.Check(t)
	faults := allFaults(*long)
	runFaults(t, faults)
	text, total := table(faults)
	fmt.Print(text)
	if total.late > 0 {
		fmt.Printf("%d calls ended more than %v after their deadline.\n", total.late, maxLateness)
		if *long {
			t.Fail()
		}
	}
}

// runFaults runs each fault on each of its transports, and fills in the rows of the faults.
func runFaults(t *testing.T, faults []*fault) {
	slots := make(chan struct{}, maxTestbeds)
	var mu sync.Mutex // guards the rows
	var running sync.WaitGroup
	for turn, f := range faults {
		for _, tr := range f.transports(turn) {
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				t.Run(fmt.Sprintf("%s, %v", f.name, tr), func(t *testing.T) {
					r := runFault(t, f, tr, turn)
					mu.Lock()
					defer mu.Unlock()
					f.row.add(r)
				})
			})
		}
	}
	running.Wait()
}

// runFault makes the calls of a fault on one transport, and compares their outcomes with their effects.
// A short run makes one call of each operation. turn is the index of the fault: short runs use it to
// alternate between the fronts.
func runFault(t *testing.T, f *fault, tr proxy.Transport, turn int) row {
	b := newTestbed(t, f, tr)
	var calls []func()
	cells := 0
	for i, op := range f.operations() {
		for j, front := range fronts {
			if !*long && j != (i+turn)%len(fronts) {
				continue
			}
			cells++
			for _, variant := range f.variants(i + j) {
				calls = append(calls, func() { b.callUnderFault(op, front, variant) })
			}
		}
	}
	b.run(calls)
	b.checkKept()
	b.shutDown()
	r := b.compare()
	r.cells = cells
	return r
}

// transports returns the transports on which a fault runs. A short run alternates between the versions of
// TLS, unless the fault is one of TLS.
func (f *fault) transports(turn int) []proxy.Transport {
	versions := []proxy.Transport{proxy.TLS12, proxy.TLS13}
	switch {
	case f.needsTLS:
		return versions
	case *long:
		return []proxy.Transport{proxy.Plaintext, proxy.TLS12, proxy.TLS13}
	}
	return []proxy.Transport{proxy.Plaintext, versions[turn%2]}
}

// operations returns the operations that are called under a fault.
func (f *fault) operations() []operation {
	if f.confirmation == nil {
		return operations
	}
	d := f.confirmation.within
	return []operation{hold.confirmedWithin(d), unhold.confirmedWithin(d), mute.confirmedWithin(d)}
}

// variants returns the variants of a cell: 0 and 1, or one of them in a short run. Their difference
// depends on the kind of fault; see the methods of testbed.
func (f *fault) variants(turn int) []int {
	switch {
	case f.oneVariant:
		return []int{0}
	case *long:
		return []int{0, 1}
	}
	return []int{turn % 2}
}
