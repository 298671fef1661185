package e2e

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"
)

// abuse describes the bytes that an abusive client sends on one connection, and their
// whole effect.
type abuse struct {
	name  string
	sent  string
	want  string // the replies
	calls int    // calls of agent 1287 that reach the gateway, or anyCalls
}

// anyCalls is the number of calls of a client that resets its streams: it depends on
// timing.
const anyCalls = -1

// maxGrowth limits the growth of the heap during one abuse, in bytes.
const maxGrowth = 50 << 20

// Abusive clients call for agent 1287, and healthy clients for healthyAgent. Agent 1288
// occurs only in bytes that must not become a request.
const healthyAgent = "2000"

// testAbuses plays every case on a connection that dial opens. read returns the replies.
// Before, during and after each case, healthy clients must be served. The case must leave
// no goroutine behind.
func testAbuses(t *testing.T, dial func(*fronts) dialer, read func(net.Conn, abuse) string, cases []abuse) {
	f := newFronts(t, sockets)
	f.checkHealthyCalls(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			stacksBefore, heapBefore := goroutineStacks(), heap()
			conn := f.dial(t, dial(f))
			conn.SetDeadline(time.Now().Add(time.Minute)) // so that the test cannot hang
			var calls callCounter
			stop := f.makeHealthyCalls(t, &calls)
			go io.WriteString(conn, c.sent) // fails if the server closes the connection
			if got := read(conn, c); got != c.want {
				t.Errorf("got replies %s, want %s", got, c.want)
			}
			stop()
			if grown := heap() - heapBefore; grown > maxGrowth {
				t.Errorf("the heap has grown by %d MiB, want at most %d", grown>>20, maxGrowth>>20)
			}
			conn.Close()
			awaitGoroutines(t, stacksBefore)
			f.checkHealthyCalls(t)
			calls.collect(t, f)
			if int(calls) != c.calls && c.calls != anyCalls {
				t.Errorf("the gateway got %d calls, want %d", calls, c.calls)
			}
		})
	}
}

// checkHealthyCalls makes one valid call over each front.
func (f *fronts) checkHealthyCalls(t *testing.T) {
	t.Helper()
	if err := f.holdBy(withGUID(t.Context()), healthyAgent); err != nil {
		t.Errorf("healthy call over gRPC: %v", err)
	}
	path := strings.Replace(holdV1, "1287", healthyAgent, 1)
	if httpStatus, _, body := f.send(t, "POST", path, nil); httpStatus != http.StatusOK {
		t.Errorf("healthy call over JSON: HTTP status %d, %s", httpStatus, body)
	}
}

// makeHealthyCalls makes valid calls until stop is called, and adds all other calls to
// calls.
func (f *fronts) makeHealthyCalls(t *testing.T, calls *callCounter) (stop func()) {
	end := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			f.checkHealthyCalls(t)
			calls.collect(t, f)
			select {
			case <-end:
				return
			default:
			}
		}
	})
	return func() {
		close(end)
		running.Wait()
	}
}

// callCounter counts the calls of agent 1287 that have reached the gateway.
type callCounter int

// collect counts the new requests at the gateway. It discards them and the log, which
// would otherwise count as growth of the heap.
func (c *callCounter) collect(t *testing.T, f *fronts) {
	const hold = "POST " + holdGateway
	for _, r := range f.gateway.Received() {
		switch r.Line {
		case strings.Replace(hold, "1287", healthyAgent, 1):
		case hold:
			*c++
		default:
			t.Errorf("the gateway got %s", r.Line)
		}
	}
	f.log.Reset()
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// goroutineStacks returns the stacks of the service and its clients. The scripted gateway
// has one goroutine for each idle connection, so its stacks are left out.
func goroutineStacks() (stacks []string) {
	var all bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&all, 2)
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if !strings.Contains(stack, "conformance.(*Gateway)") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// awaitGoroutines waits until there are no more goroutines than before.
func awaitGoroutines(t *testing.T, before []string) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; runtime.Gosched() {
		now := goroutineStacks()
		if len(now) <= len(before) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("got %d goroutines, want at most %d:\n%s", len(now), len(before), strings.Join(now, "\n\n"))
		}
	}
}
