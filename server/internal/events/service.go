// Package events is EventService. It polls the gateway for the agents that are watched or
// polled for, keeps their events for the replay window, delivers them to every consumer,
// and confirms calls of other services by them.
//
// A log (log.go) holds the events of one agent in one session. The gateway hands out an
// event once, so that whatever a poll returns is appended to the log first, and applied
// then (store.go). The consumers of a log are its watches (consumer.go), the callers of
// GetAgentEvent (desk.go), and the calls that wait for an event (confirm.go).
//
// One mutex guards all logs. It is never held during a poll, while a stream is written, or
// while an entry is appended.
package events

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/gateway"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
	"agentconf/server/internal/telemetry"
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

// Options are the settings of a Service.
type Options struct {
	Log     *slog.Logger // receives the failures of polls
	Metrics prometheus.Registerer
	Guard   *telemetry.Guard // of the goroutines of the service

	// MaxWatches limits the open watches, with the calls of GetAgentEvent that wait, and
	// the agents that are polled. Half as many may have a GUID that the gateway has not
	// accepted yet.
	MaxWatches int

	// Heartbeat is the silence of a watch after which it sends a sign of life.
	Heartbeat time.Duration
}

// Service implements EventService.
type Service struct {
	agentconfv1.UnimplementedEventServiceServer

	runner *operation.Runner
	logs   *logs
}

// New returns a service that polls by runner, and registers its metrics.
func New(runner *operation.Runner, options Options) *Service {
	s := &Service{runner: runner}
	s.logs = newLogs(func() polls { return &longPolls{runner: runner} }, options)
	return s
}

// gatewayPoll returns the gateway's long poll for the next event of an agent (page 1274).
func gatewayPoll(req *agentconfv1.GetAgentEventRequest) operation.Operation {
	path := "agentevent/" + url.PathEscape(req.GetAgentId())
	if req.GetCalldata() != "" {
		path += "?calldata=" + url.QueryEscape(req.GetCalldata())
	}
	return operation.Operation{
		Name: pollOperation, Request: req, Method: "GET", Path: path, LongPoll: longPoll,
		Advice: "An event may be lost; query the conference to see its state",
	}
}

// longPolls makes the polls of a log, one after another. They have no caller's context: reading
// an event removes it at the gateway, so that an abandoned poll may lose one.
type longPolls struct {
	runner   *operation.Runner
	request  agentconfv1.GetAgentEventRequest
	guid     string // of the poll that was sent last
	exchange operation.Exchange
}

func (p *longPolls) send(ctx context.Context, req pollRequest) {
	p.request.AgentId, p.request.Calldata, p.guid = req.agentID, req.calldata, req.guid
	p.exchange = p.runner.Begin(operation.WithCookie(ctx, req.cookie), gatewayPoll(&p.request), req.guid)
}

func (p *longPolls) await() { p.exchange.Await() }

func (p *longPolls) answer() (answer pollAnswer) {
	resp := &agentconfv1.GetAgentEventResponse{}
	response := operation.NoResult(resp, &resp.Message, &resp.Retcode).WithGUID(&resp.Guid)
	response = response.WithSetCookie(&answer.setCookie).WithRead(func(reply gateway.Reply) error {
		answer.event = eventOf(reply.Event)
		return nil
	})
	if _, err := operation.Finish(&p.exchange, response); err != nil {
		answer.err = err.(*outcome.Error)
		return answer
	}
	if resp.Guid != p.guid {
		answer.guid = resp.Guid
	}
	return answer
}

// GetAgentEvent returns the agent's next event that no earlier call has returned (page 1274).
// Without one it waits for the answer to a poll, which takes up to 10 s. A stopping service
// refuses with STOPPING.
func (s *Service) GetAgentEvent(
	ctx context.Context, req *agentconfv1.GetAgentEventRequest,
) (*agentconfv1.GetAgentEventResponse, error) {
	op := gatewayPoll(req)
	op.Violations.Text("calldata", req.GetCalldata(), 0, 200)
	guid, err := s.runner.Check(ctx, op)
	if err != nil {
		return nil, err
	}
	if err := s.runner.Admit(op, guid); err != nil {
		return nil, err
	}
	call, err := s.logs.enterDesk(req.GetAgentId(), caller{guid, operation.Cookie(ctx)}, req.GetCalldata())
	if err != nil {
		return nil, err
	}
	defer s.logs.leaveDesk(call)
	if early, ok := gateway.Deadline(ctx); ok {
		early, cancel := context.WithDeadline(ctx, early)
		defer cancel()
		ctx = early
	}
	answer := s.logs.wait(ctx, call)
	if answer.err != nil {
		err = answer.err
	}
	operation.ReturnGUID(ctx, answer.guid, err)
	operation.ReturnCookies(ctx, answer.setCookie, err)
	if err != nil {
		return nil, err
	}
	resp := &agentconfv1.GetAgentEventResponse{Retcode: gateway.Success, Guid: answer.guid}
	if answer.event != "" {
		resp.Event = decodePolled(answer.event)
	}
	return resp, nil
}

// WatchAgentEvents streams the agent's events, from the next one on or after a sequence. All
// watches of an agent share one poll loop. The stream ends with an error in any case: see
// the ends of a watch in package outcome.
func (s *Service) WatchAgentEvents(
	req *agentconfv1.WatchAgentEventsRequest, stream grpc.ServerStreamingServer[streamItem],
) error {
	ctx := stream.Context()
	guid, err := s.runner.Check(ctx, operation.Operation{Name: watchOperation, Request: req})
	if err != nil {
		return err
	}
	c, first, err := s.logs.enter(req.GetAgentId(), caller{guid, operation.Cookie(ctx)}, req.AfterSequence)
	if err != nil {
		return err
	}
	defer c.leave()
	return c.run(ctx, first, stream)
}

// EndSession ends the log of an agent whose session a new sign-in has ended. An unproven log
// is left to its next poll, which the gateway refuses if its GUID is of that session.
func (s *Service) EndSession(agentID string) {
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	if l := s.logs.proven[agentID]; l != nil {
		s.logs.handle(l, displaced, sessionEnded(agentID, nil))
	}
}

// RenewGUID gives a log the GUID that the gateway issued to a caller with the GUID shown,
// which the gateway has thereby accepted. An empty GUID is ignored. So is one for a GUID that
// the log does not admit: its consumers may be those of an earlier session.
func (s *Service) RenewGUID(agentID, shown, issued string) {
	if l := s.logs.renewable(agentID, shown, issued); l != nil {
		l.store.append(entry{kind: guidEntry, data: issued})
	}
}
