package overload

import (
	"context"
	"errors"
	"math"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/bench/rig"
)

// Stale clients do not sign in again when their GUID has expired. Each watches an agent of its
// own, and comes back every second.
const (
	staleClients = 500
	firstStale   = 2000 // ID of the first agent
)

// watchInVain is the load of the stale clients. They count as failed holds.
func watchInVain(ctx context.Context, t *target) (rig.Outcomes, error) {
	conn, err := grpc.NewClient("passthrough:///"+t.GRPC,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		return rig.Outcomes{}, err
	}
	defer conn.Close()
	o := rig.Outcomes{Failed: map[string]int{}}
	var mu sync.Mutex // for o
	var watches sync.WaitGroup
	err = rig.Pace(ctx, staleClients, math.MaxInt, func(i int, _ time.Time) error {
		watches.Go(func() {
			code := status.Code(watchOnce(conn, strconv.Itoa(firstStale+i%staleClients)))
			mu.Lock()
			defer mu.Unlock()
			o.Failed[code.String()]++
		})
		return nil
	})
	watches.Wait()
	if len(o.Failed) != 1 || o.Failed[codes.Unauthenticated.String()] == 0 {
		err = errors.Join(err, errors.New("watches with expired GUIDs ended with "+o.Failures()))
	}
	return o, err
}

// watchOnce returns the error with which a stale client's watch of an agent ends.
func watchOnce(conn *grpc.ClientConn, agent string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "guid", "expired"+agent+".AgentGateway1")
	stream, err := agentconfv1.NewEventServiceClient(conn).
		WatchAgentEvents(ctx, &agentconfv1.WatchAgentEventsRequest{AgentId: agent})
	for err == nil {
		_, err = stream.Recv()
	}
	return err
}
