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

	"google.golang.org/grpc/metadata"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// abuse is what somebody sends who means no good, and all that may come of it.
type abuse struct {
	name  string
	sent  string
	want  string // what is answered
	calls int    // of agent 1287 that reach the gateway, or someCalls
}

// someCalls is for calls that are taken back: how many of them get through depends on
// who is faster.
const someCalls = -1

// maxGrowth is how much the heap may grow by an abuse, in bytes.
const maxGrowth = 50 << 20

// The agent of a healthy caller is another than that of who abuses, who is 1287. 1288
// is only named in what must not become a request.
const healthyAgent = "2000"

// suffer has a service abused, over connections that dial opens and of which answers
// reads what is answered.
func suffer(t *testing.T, dial func(*fronts) dialer, answers func(net.Conn, abuse) string, cases []abuse) {
	f := newFronts(t, sockets)
	f.healthy(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before, heapBefore := goroutines(), heap()
			conn := f.dial(t, dial(f))
			conn.SetDeadline(time.Now().Add(time.Minute)) // in place of a test that hangs
			var seen calls
			stop := f.healthyMeanwhile(t, &seen)
			go io.WriteString(conn, c.sent) // which fails if it is cut off
			if got := answers(conn, c); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
			stop()
			if grown := heap() - heapBefore; grown > maxGrowth {
				t.Errorf("the heap has grown by %d MiB", grown>>20)
			}
			conn.Close()
			awaitGoroutines(t, before)
			f.healthy(t)
			seen.add(t, f)
			if int(seen) != c.calls && c.calls != someCalls {
				t.Errorf("the gateway got %d calls, want %d", seen, c.calls)
			}
		})
	}
}

// healthy makes a good call on each front.
func (f *fronts) healthy(t *testing.T) {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "guid", someGUID)
	_, err := agentconfv1.NewConferenceServiceClient(f.conn).HoldParticipant(ctx, &agentconfv1.HoldParticipantRequest{
		AgentId: healthyAgent, AddressType: "6", Address: "88887946", VoicePath: "y:/conf/120/1136287.V3",
	})
	if err != nil {
		t.Errorf("a healthy call over gRPC: %v", err)
	}
	path := strings.Replace(holdV1, "1287", healthyAgent, 1)
	if httpStatus, _, body := f.send(t, "POST", path, nil); httpStatus != http.StatusOK {
		t.Errorf("a healthy call over JSON: HTTP status %d, %s", httpStatus, body)
	}
}

// healthyMeanwhile makes good calls until it is told to stop, and counts the others.
func (f *fronts) healthyMeanwhile(t *testing.T, seen *calls) (stop func()) {
	end := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			f.healthy(t)
			seen.add(t, f)
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

// calls is how many calls of agent 1287 have reached the gateway.
type calls int

// add looks at what has reached the gateway since, and has everybody forget it: the heap
// is measured.
func (c *calls) add(t *testing.T, f *fronts) {
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

// heap is what is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// goroutines are those of the service and its clients. The gateway has one for each
// connection that is kept.
func goroutines() (stacks []string) {
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
		now := goroutines()
		if len(now) <= len(before) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%d goroutines more than before:\n%s", len(now)-len(before), strings.Join(now, "\n\n"))
		}
	}
}
