// Package conference is ConferenceService, the 19 operations under agentconf/ of the gateway
// (page 0467). Each method checks the fields of its request against its page, so that the
// error names every wrong field. It describes the operation, and package operation runs it.
//
// The gateway checks the user alone. The CTI platform behind it checks the values (page
// 0584), and its error need not name the wrong one.
package conference

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
	"agentconf/server/internal/events"
	"agentconf/server/internal/operation"
	"agentconf/server/internal/outcome"
)

// Service implements ConferenceService.
type Service struct {
	agentconfv1.UnimplementedConferenceServiceServer

	runner *operation.Runner
	events *events.Service
}

// New returns a service that sends its requests by runner, and confirms calls by the
// events that events receives.
func New(runner *operation.Runner, events *events.Service) *Service {
	return &Service{runner: runner, events: events}
}

// confirmable is a request that can wait for its event.
type confirmable interface {
	operation.Request
	operation.Addressed
	GetConfirmWithin() *durationpb.Duration
}

// runConfirmed runs op and, if the request has confirm_within, returns only after the event
// with change about its participant. That event is stored in event, a field of the message
// of response.
//
// The confirmation starts before the request is sent, as the event may come before the
// reply. An event does not name its call: Expect rejects a second call on the same
// participant, which could take the event of the first for its own.
func runConfirmed[R proto.Message](
	ctx context.Context, s *Service, op operation.Operation, response operation.Response[R],
	change events.Change, event **agentconfv1.AgentEvent,
) (none R, err error) {
	req := op.Request.(confirmable)
	if req.GetConfirmWithin() == nil {
		return operation.Run(ctx, s.runner, op, response)
	}
	guid, err := s.runner.Check(ctx, op)
	if err != nil {
		return none, err
	}
	confirmation, err := s.events.Expect(req.GetAgentId(), guid, operation.ParticipantOf(req), change)
	if err != nil {
		return none, notExpected(op, err)
	}
	defer confirmation.Release()
	if err := s.runner.Admit(op, guid); err != nil {
		return none, err
	}
	resp, err := operation.Send(ctx, s.runner, op, guid, response)
	if err != nil {
		return none, err
	}
	if *event, err = confirmation.Wait(ctx, req.GetConfirmWithin().AsDuration()); err != nil {
		return none, notConfirmed(op, err)
	}
	return resp, nil
}

// notExpected returns the error of a call that was not sent, as no event could confirm
// it.
func notExpected(op operation.Operation, cause error) error {
	switch {
	case errors.Is(cause, events.ErrStopping):
		return outcome.Stop()
	case errors.Is(cause, events.ErrUnderWay):
		return op.Fail(outcome.ConfirmationUnderWay,
			"nothing was sent, as a call on the same participant waits for its event, "+
				"and an event does not name the call it belongs to. Wait for that call to return", nil)
	}
	return op.Fail(outcome.NoEventSource, "nothing was sent, as no event could confirm it: "+
		"nobody watches this agent or polls for it here with this GUID, or the polls fail at present. "+
		"Call WatchAgentEvents first, or leave confirm_within out", nil)
}

// notConfirmed returns the error of a call that the gateway accepted. The outcome is known if
// an event says that the operation failed, or that its participant is gone.
func notConfirmed(op operation.Operation, cause error) error {
	const accepted = "the CC-Gateway accepted it, "
	if failed, ok := errors.AsType[events.FailedError](cause); ok {
		text := fmt.Sprintf("%sand its event says that it failed (result %d)", accepted, failed.Result)
		return op.Fail(outcome.OperationFailed, text, nil)
	}
	if over, ok := errors.AsType[events.OverError](cause); ok {
		if over.Ineffective {
			return op.Fail(outcome.ParticipantLeft, accepted+"but "+over.What+" before it took effect", nil)
		}
		return op.Fail(outcome.EventLost, accepted+"but "+over.What+" before its event came", nil)
	}
	switch {
	case errors.Is(cause, events.ErrTimedOut):
		return op.Fail(outcome.EventTimedOut, accepted+"but its event did not come in time", nil)
	case errors.Is(cause, context.Canceled):
		return op.Fail(outcome.EventAbandoned, accepted+"but the caller cancelled before its event came", cause)
	}
	return op.Fail(outcome.EventTimedOut, accepted+"but its event did not come before the caller's deadline", cause)
}
