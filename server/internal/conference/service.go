// Package conference is ConferenceService: each method checks the fields of its
// request, and describes the operation that package operation runs.
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

	operations *operation.Runner
	events     *events.Service
}

// New returns a service that sends its requests by operations, and confirms calls by
// the events that events receives.
func New(operations *operation.Runner, events *events.Service) *Service {
	return &Service{operations: operations, events: events}
}

// confirmable is a request that can wait for its event.
type confirmable interface {
	operation.Request
	operation.Addressed
	GetConfirmWithin() *durationpb.Duration
}

// confirmed is a response that holds the event that confirmed the call.
type confirmed interface {
	proto.Message
	GetEvent() *agentconfv1.AgentEvent
}

// runConfirmed is operation.Run for a call that returns after the event with change if
// its caller wants that. event is the field of resp that holds the event.
func runConfirmed[R confirmed](ctx context.Context, s *Service, op operation.Operation, change events.Change, resp R, event **agentconfv1.AgentEvent) (R, error) {
	within := op.Request.(confirmable).GetConfirmWithin()
	if within == nil {
		return operation.Run(ctx, s.operations, op, resp)
	}
	var none R
	guid, err := s.operations.Check(ctx, op)
	if err != nil {
		return none, err
	}
	target := operation.ParticipantOf(op.Request.(confirmable))
	confirmation, err := s.events.Expect(op.Request.GetAgentId(), guid, target, change)
	if err != nil {
		return none, notExpected(op, err)
	}
	defer confirmation.Release()
	if err := s.operations.Send(ctx, op, guid); err != nil {
		return none, err
	}
	if *event, err = confirmation.Wait(ctx, within.AsDuration()); err != nil {
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
		return op.Fail(outcome.ConfirmationUnderWay, "nothing was sent, as a call on the same participant waits for its event, "+
			"and an event does not name the call it belongs to. Wait for that call to return", nil)
	}
	return op.Fail(outcome.NoEventSource, "nothing was sent, as no event could confirm it: nobody watches this agent here with "+
		"this GUID, or the polls of the watch fail at present. Call WatchAgentEvents first, or leave confirm_within out", nil)
}

// notConfirmed returns the error of a call that the gateway accepted.
func notConfirmed(op operation.Operation, cause error) error {
	const accepted = "the CC-Gateway accepted it, but "
	if failed, ok := errors.AsType[events.FailedError](cause); ok {
		text := fmt.Sprintf("the CC-Gateway accepted it, and its event says that it failed (result %d)", failed.Result)
		return op.Fail(outcome.OperationFailed, text, nil)
	}
	switch {
	case errors.Is(cause, events.ErrWatchEnded):
		return op.Fail(outcome.EventLost, accepted+"the watch of the agent ended before its event came", nil)
	case errors.Is(cause, events.ErrTimedOut):
		return op.Fail(outcome.EventTimedOut, accepted+"its event did not come in time", nil)
	case errors.Is(cause, context.Canceled):
		return op.Fail(outcome.EventAbandoned, accepted+"the caller cancelled before its event came", cause)
	}
	return op.Fail(outcome.EventTimedOut, accepted+"its event did not come before the caller's deadline", cause)
}
