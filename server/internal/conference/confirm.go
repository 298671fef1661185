package conference

import (
	"context"
	"errors"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	agentconfv1 "agentconf/gen/agentconf/v1"
)

// maxConfirmWithin bounds the time that a call waits for its event.
const maxConfirmWithin = 60 * time.Second

// changeType is what AgentConf_ParticipantChanged tells (page 0564).
type changeType int32

const (
	muted   changeType = 3
	unmuted changeType = 4
	held    changeType = 5
	unheld  changeType = 6
)

// confirmation waits for the event that tells what became of an operation. An
// event names the participant and the change, and no call.
type confirmation struct {
	watch  *watch
	target participant
	change changeType
	event  chan *agentconfv1.AgentEvent // closed if the watch ended first
}

func (v *violations) confirmWithin(within *durationpb.Duration) {
	if within != nil && (!within.IsValid() || within.AsDuration() <= 0 || within.AsDuration() > maxConfirmWithin) {
		v.add("confirm_within", "must be more than 0 and at most %v, or left out", maxConfirmWithin)
	}
}

// await begins to wait for the event of op, which is yet to be sent. A caller who
// has just been told a new GUID may still show the one before.
func (ws *watches) await(op operation, guid string) (*confirmation, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.of(op.agentID, guid)
	if ws.stopping && (w == nil || len(w.watchers) == 0) {
		return nil, Stopping()
	}
	if w == nil || len(w.watchers) == 0 || w.failing || !same(guid, w.guid) && !same(guid, w.before) {
		return nil, op.noEventSource()
	}
	if w.awaited[op.target] != nil {
		return nil, op.confirmationUnderWay()
	}
	c := &confirmation{watch: w, target: op.target, change: op.change, event: make(chan *agentconfv1.AgentEvent, 1)}
	w.awaited[op.target] = c
	return c, nil
}

// release ends what await began.
func (ws *watches) release(c *confirmation) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(c.watch.awaited, c.target)
	ws.settle(c.watch)
}

// confirm hands event to who awaits it.
func (w *watch) confirm(event *agentconfv1.AgentEvent) {
	change := event.GetParticipantChanged()
	target := participant{strconv.Itoa(int(change.GetParticipantType())), change.GetParticipant()}
	c := w.awaited[target]
	if c == nil || c.change != changeType(change.GetChangeType()) {
		return
	}
	c.event <- event
	delete(w.awaited, target)
}

// wait returns the event of op once it is there.
func (c *confirmation) wait(ctx context.Context, op operation) (*agentconfv1.AgentEvent, error) {
	timeUp := time.NewTimer(op.within.AsDuration())
	defer timeUp.Stop()
	select {
	case event, came := <-c.event:
		if !came {
			return nil, op.unconfirmed(codes.Unknown, "the watch of the agent ended before its event came", nil)
		}
		if result := event.GetParticipantChanged().GetResult(); result != 0 {
			return nil, op.failedLater(result)
		}
		return event, nil
	case <-timeUp.C:
		return nil, op.unconfirmed(codes.DeadlineExceeded, "its event did not come in time", nil)
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, op.unconfirmed(codes.Canceled, "the caller gave up before its event came", ctx.Err())
		}
		return nil, op.unconfirmed(codes.DeadlineExceeded, "its event did not come before the caller's deadline", ctx.Err())
	}
}
