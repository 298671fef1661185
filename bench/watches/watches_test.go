package watches

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/internal/leaktest"
)

// eventServer sends the events with the numbers, and then waits for the end of the watch.
type eventServer struct {
	agentconfv1.UnimplementedEventServiceServer
	numbers []int64
}

func (s eventServer) WatchAgentEvents(
	_ *agentconfv1.WatchAgentEventsRequest, stream grpc.ServerStreamingServer[agentconfv1.WatchAgentEventsResponse],
) error {
	for _, number := range s.numbers {
		event := &agentconfv1.AgentEvent{Content: &agentconfv1.AgentEvent_ParticipantChanged{
			ParticipantChanged: &agentconfv1.ParticipantChanged{ConfId: &number},
		}}
		item := &agentconfv1.WatchAgentEventsResponse_Event{Event: event}
		if err := stream.Send(&agentconfv1.WatchAgentEventsResponse{Message: item}); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// A missing event, a repeated one, and two in the wrong order are faults.
func TestWatchersFindLostEvents(t *testing.T) {
	leaktest.Check(t)
	for _, c := range []struct {
		numbers []int64
		fault   string
	}{
		{[]int64{1, 2, 3}, ""},
		{[]int64{1, 3}, "event 3 follows event 1"},
		{[]int64{2}, "event 2 follows event 0"},
		{[]int64{1, 1}, "event 1 follows event 1"},
	} {
		w := watchOne(t, c.numbers)
		err := w.await(t.Context(), &w.received, int64(len(c.numbers)), time.Minute)
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%v: %v, want %q", c.numbers, err, c.fault)
		}
	}
}

// An agent is warm with its last event before the measurement, and counts once.
func TestWatchersCountWarmAgents(t *testing.T) {
	leaktest.Check(t)
	for n, want := range []int64{0, 0, 1, 1} {
		w := watchOne(t, []int64{1, 2, 3}[:n])
		if err := w.await(t.Context(), &w.received, int64(n), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := w.warmed.Load(); got != want {
			t.Errorf("after %d of 2 events: got %d warm agents, want %d", n, got, want)
		}
	}
}

// An event that never comes ends the wait, as does the end of a watch.
func TestWatchersAwait(t *testing.T) {
	leaktest.Check(t)
	w := watchOne(t, nil)
	if w.await(t.Context(), &w.received, 1, 0) == nil {
		t.Error("no event, and no error")
	}
	w.connections[0].Close()
	if err := w.await(t.Context(), &w.received, 1, time.Minute); err == nil || !strings.Contains(err.Error(), "agent 1000") {
		t.Errorf("the watch has ended: %v", err)
	}
}

// watchOne returns the watcher of an agent with events.
func watchOne(t *testing.T, numbers []int64) *watchers {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	agentconfv1.RegisterEventServiceServer(server, eventServer{numbers: numbers})
	go server.Serve(l)
	t.Cleanup(server.Stop)
	w, err := watchAgents(context.WithoutCancel(t.Context()), l.Addr().String(), 1, 2)
	t.Cleanup(w.close)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
