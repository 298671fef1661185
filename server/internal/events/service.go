// Package events is EventService. It polls the gateway for the agents that are
// watched, keeps their events for the replay window, delivers them to every watcher,
// and confirms calls of other services by them.
//
// A watch is the state of one watched agent. Its GUID is unproven until the gateway
// has answered a poll with it. The gateway hands out an event once, so that a poll that is
// abandoned may lose one: polls belong to the watch and not to a caller.
//
// One mutex guards all watches. A method of watches that does not lock it needs it held,
// pollLoop excepted. It is never held during a poll, or while a stream is written.
package events

import (
	"context"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

const (
	pollOperation  = "getAgentEvent"
	watchOperation = "watchAgentEvents"
)

// longPoll is how long the gateway lets a poll wait for an event (page 1274):
// AGENT_POLL_WAIT_TIMES (100) intervals of AGENT_POLL_WAIT_INTERVAL (100 ms), by default.
const longPoll = 10 * time.Second

// LongestCall returns how long a call may take, confirmations excluded, if the client
// of the gateway has this timeout.
func LongestCall(timeout time.Duration) time.Duration { return longPoll + timeout }

// Service implements EventService.
type Service struct {
	agentconfv1.UnimplementedEventServiceServer

	runner  *operation.Runner
	watches *watches
}

// New returns a service that polls by runner, and registers its metrics.
func New(runner *operation.Runner, metrics prometheus.Registerer) *Service {
	s := &Service{runner: runner}
	s.watches = newWatches(s.poll, metrics)
	return s
}

// pollRequest returns the gateway's long poll for the next event of an agent (page 1274).
func pollRequest(req *agentconfv1.GetAgentEventRequest) operation.Operation {
	path := "agentevent/" + url.PathEscape(req.GetAgentId())
	if req.GetCalldata() != "" {
		path += "?calldata=" + url.QueryEscape(req.GetCalldata())
	}
	return operation.Operation{
		Name: pollOperation, Request: req, Method: "GET", Path: path, LongPoll: longPoll,
		Advice: "An event may be lost; query the conference to see its state",
	}
}

// pollResponse returns the place of the reply to a poll: the event, if there was one, and
// the GUID, if the gateway replaced it.
func pollResponse() operation.Response[*agentconfv1.GetAgentEventResponse] {
	resp := &agentconfv1.GetAgentEventResponse{}
	response := operation.NoResult(resp, &resp.Message, &resp.Retcode).WithGUID(&resp.Guid)
	return response.WithRead(func(reply gateway.Reply) (err error) {
		resp.Event, err = decodePolled(reply.Event)
		return err
	})
}

// GetAgentEvent takes the agent's next event from the gateway (page 1274). The response has
// none if none came within 10 s. The watches of the agent do not receive an event that this
// call has taken. A stopping service refuses with STOPPING.
func (s *Service) GetAgentEvent(
	ctx context.Context, req *agentconfv1.GetAgentEventRequest,
) (*agentconfv1.GetAgentEventResponse, error) {
	if s.watches.isStopping() {
		return nil, outcome.Stop()
	}
	op := pollRequest(req)
	op.Violations.Text("calldata", req.GetCalldata(), 0, 200)
	return operation.Run(ctx, s.runner, op, pollResponse())
}

// poll polls once for a watch. It has no caller's context: reading an event removes
// it at the gateway, so that an abandoned poll may lose one.
func (s *Service) poll(agentID, guid, cookie string) pollResult {
	op := pollRequest(&agentconfv1.GetAgentEventRequest{AgentId: agentID})
	resp, err := operation.Send(operation.WithCookie(context.Background(), cookie), s.runner, op, guid, pollResponse())
	if err != nil {
		return pollResult{err: err.(*outcome.Error)}
	}
	if resp.Guid == guid {
		resp.Guid = ""
	}
	return pollResult{event: resp.Event, guid: resp.Guid}
}

// WatchAgentEvents streams the agent's events, from the next one on or after a sequence that
// is still kept. Several watches of an agent share one poll loop. The stream ends with an
// error in any case: see the ends of a watch in package outcome.
func (s *Service) WatchAgentEvents(
	req *agentconfv1.WatchAgentEventsRequest, stream grpc.ServerStreamingServer[streamItem],
) error {
	ctx := stream.Context()
	guid, err := s.runner.Check(ctx, operation.Operation{Name: watchOperation, Request: req})
	if err != nil {
		return err
	}
	w, me, err := s.watches.enter(req.GetAgentId(), guid, operation.Cookie(ctx), req.AfterSequence)
	if err != nil {
		return err
	}
	defer s.watches.leave(w, me)
	return me.forward(ctx, stream)
}

// forward sends the items of the queue until the watch ends or the caller leaves.
func (me *watcher) forward(ctx context.Context, stream grpc.ServerStreamingServer[streamItem]) error {
	for {
		select {
		case item, open := <-me.queue:
			if !open {
				return me.err
			}
			if err := stream.Send(item); err != nil {
				return err
			}
		case <-ctx.Done():
			return watcherLeft(me.agentID, ctx.Err())
		}
	}
}

// EndSession ends the watch of an agent whose session a new sign-in has ended. An unproven
// watch is left to its next poll, which the gateway refuses if its GUID is of that session.
func (s *Service) EndSession(agentID string) {
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	if w := s.watches.proven[agentID]; w != nil {
		s.watches.end(w, sessionEnded(agentID, nil))
	}
}

// RenewGUID gives a watch the GUID that the gateway issued to a caller with the GUID
// shown, which the gateway has thereby accepted. An empty GUID is ignored. So is one for a
// GUID that the watch does not know: its watchers may be those of an earlier session.
func (s *Service) RenewGUID(agentID, shown, issued string) {
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	w := s.watches.lookup(agentID, shown)
	if w != nil && w.knows(shown) && issued != "" && issued != w.guid {
		s.watches.renew(s.watches.adopt(w), issued)
	}
}
