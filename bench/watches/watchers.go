package watches

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/bench/rig"
)

const (
	firstAgent  = 1000
	streamsEach = 100  // watches on a connection, well below the limit of agentconf
	startRate   = 2000 // new watches a second
)

// watchers are gRPC clients that watch an agent each.
type watchers struct {
	connections []*grpc.ClientConn
	cancel      context.CancelFunc
	streams     sync.WaitGroup

	warm                      int64        // number of the last event of an agent before a measurement
	started, warmed, received atomic.Int64 // watches, agents with that event, events
	measured                  atomic.Bool  // delays are recorded

	mu     sync.Mutex
	delays []float64 // ms from the gateway's answer to the client
	faults []string
}

// watchAgents opens n watches at an even pace, of agents with warm events before a measurement.
// The caller must close the result, even after an error.
func watchAgents(ctx context.Context, address string, n int, warm int64) (*watchers, error) {
	w := &watchers{warm: warm}
	watching, cancel := context.WithCancel(ctx)
	w.cancel = cancel
	return w, rig.Pace(ctx, startRate, n, func(i int, _ time.Time) error {
		if i%streamsEach == 0 {
			conn, err := grpc.NewClient("passthrough:///"+address,
				grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
				grpc.WithStaticStreamWindowSize(1<<20), grpc.WithStaticConnWindowSize(1<<20))
			if err != nil {
				return err
			}
			w.connections = append(w.connections, conn)
		}
		conn := w.connections[len(w.connections)-1]
		w.streams.Go(func() {
			if err := w.watch(watching, conn, strconv.Itoa(firstAgent+i)); watching.Err() == nil {
				w.fault("agent %d: %v", firstAgent+i, err)
			}
		})
		return nil
	})
}

// watch reads the events of an agent until the watch ends, and returns the reason.
func (w *watchers) watch(ctx context.Context, conn *grpc.ClientConn, agent string) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", rig.GUID)
	stream, err := agentconfv1.NewEventServiceClient(conn).
		WatchAgentEvents(ctx, &agentconfv1.WatchAgentEventsRequest{AgentId: agent})
	if err != nil {
		return err
	}
	for last := int64(0); ; {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		switch {
		case m.GetStarted() != nil:
			w.started.Add(1)
		case m.GetPollFailed() != nil:
			w.fault("agent %s: %v", agent, m)
		case m.GetEvent() != nil:
			number := m.GetEvent().GetParticipantChanged().GetConfId()
			if number != last+1 {
				w.fault("agent %s: event %d follows event %d", agent, number, last)
			}
			last = number
			if number == w.warm {
				w.warmed.Add(1)
			}
			w.record(m.GetEvent())
		}
	}
}

// record counts an event and records its delay.
func (w *watchers) record(event *agentconfv1.AgentEvent) {
	delay := time.Now().UnixMicro() - event.GetEventGenTime()
	w.received.Add(1)
	if w.measured.Load() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.delays = append(w.delays, float64(delay)/1000)
	}
}

func (w *watchers) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// takeDelays returns the delays that have been recorded.
func (w *watchers) takeDelays() []float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.delays
}

// await waits until a counter has reached n, and returns an error if the time is up or a
// watch has had a fault.
func (w *watchers) await(ctx context.Context, counter *atomic.Int64, n int64, within time.Duration) error {
	for end := time.Now().Add(within); counter.Load() < n; {
		if err := w.err(); err != nil {
			return err
		}
		if time.Now().After(end) || !rig.Sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%d of %d within %v", counter.Load(), n, within)
		}
	}
	return w.err()
}

// err returns an error if a watch has ended, has missed an event, or has had a failed poll.
func (w *watchers) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) == 0 {
		return nil
	}
	return fmt.Errorf("%d faults of watches, the first: %s", len(w.faults), w.faults[0])
}

// close ends all watches.
func (w *watchers) close() {
	w.cancel()
	w.streams.Wait()
	for _, conn := range w.connections {
		conn.Close()
	}
}
